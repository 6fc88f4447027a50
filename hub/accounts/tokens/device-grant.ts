// Devices without a browser ask to be let in, people decide with the code that they read on them, and a token leaves, once (RFC 8628; security row B-05).

import { randomUUIDv7 } from 'node:crypto';

import { addressBucket, networkAround } from '../../../shared/net-address.ts';
import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import type { LoginCaller } from '../caller.ts';
import type { Guard } from '../login/guard.ts';
import { hashOf, newSecret } from '../secret.ts';
import type {
  DeviceRequest,
  DeviceRequestChange,
  DeviceRequestStore,
  OpeningTransaction,
  RequestTransaction,
} from './device-request.ts';
import { deviceGrantLimits, deviceTokenLimits } from './limits.ts';
import { deviceScopes } from './scope.ts';
import { cleanName, makeToken, roomFor } from './tokens.ts';
import type { TokenCounts } from './token-counts.ts';
import { drawUserCode, readUserCode, showUserCode } from './user-code.ts';

export interface DeviceWish {
  /** `client_id`: which program asks. */
  readonly app: string;
  readonly deviceName: string;
  readonly address: string | undefined;
}

export type Opening =
  | {
      readonly kind: 'opened';
      /** For the device alone: 256 bits. */
      readonly deviceCode: string;
      /** For people: `WDJB-MJHT`. */
      readonly userCode: string;
      readonly lifeMs: number;
      readonly intervalMs: number;
    }
  /** This address has as many open as one may have, or the hub as many as it takes. */
  | { readonly kind: 'full'; readonly who: 'address' | 'hub'; readonly retryAfterMs: number };

/** The answers of RFC 8628 §3.5. */
export type Poll =
  | { readonly kind: 'token'; readonly text: string; readonly lifeMs: number }
  | { readonly kind: 'pending' | 'slow-down' | 'denied' | 'expired' | 'invalid' };

export class DeviceGrant {
  readonly #store: DeviceRequestStore;
  readonly #guard: Pick<Guard, 'admit'>;
  readonly #audit: Audit;
  readonly #notices: Notices;
  readonly #counts: TokenCounts;
  readonly #now: () => Date;

  constructor(options: {
    store: DeviceRequestStore;
    /** Counts wrong codes by person and by place, for all processes. */
    guard: Pick<Guard, 'admit'>;
    audit: Audit;
    notices: Notices;
    counts: TokenCounts;
    now?: () => Date;
  }) {
    this.#store = options.store;
    this.#guard = options.guard;
    this.#audit = options.audit;
    this.#notices = options.notices;
    this.#counts = options.counts;
    this.#now = options.now ?? (() => new Date());
  }

  /** @throws AccountError token.options: no usable name of program or device. */
  async begin(wish: DeviceWish): Promise<Opening> {
    const now = this.#now();
    const { lifeMs, intervalMs } = deviceGrantLimits;
    const deviceCode = newSecret();
    const asker = askerOf(wish.address);
    const record = {
      id: randomUUIDv7(),
      app: cleanName(wish.app),
      deviceName: cleanName(wish.deviceName),
      scopes: deviceScopes,
      address: wish.address,
      createdAt: now,
      expiresAt: new Date(now.getTime() + lifeMs),
      state: 'open' as const,
      accountId: undefined,
      intervalMs,
      polledAt: undefined,
      deviceCodeHash: hashOf(deviceCode),
      ...asker,
    };
    const opening = await this.#store.opening(async (tx): Promise<Opening> => {
      const full = await makeRoom(tx, asker, now);
      if (full !== undefined) return { kind: 'full', who: full, retryAfterMs: lifeMs };
      // With a thousand open, one draw in 25 million meets a code that is out already; it never takes its place.
      for (;;) {
        const userCode = drawUserCode();
        if (await tx.insert({ ...record, userCodeHash: hashOf(userCode) }))
          return {
            kind: 'opened',
            deviceCode,
            userCode: showUserCode(userCode),
            lifeMs,
            intervalMs,
          };
      }
    });
    this.#counts.device(opening.kind);
    return opening;
  }

  /** A device asks whether somebody has decided. The token is made in this moment, and its text told in this answer only. */
  async poll(deviceCode: string, app: string): Promise<Poll> {
    const now = this.#now();
    const answer = await this.#store.transaction(async (tx): Promise<Poll> => {
      const request = await tx.lock({ deviceCodeHash: hashOf(deviceCode) });
      if (request === undefined || request.app !== app) return { kind: 'invalid' };
      if (request.state === 'fetched') return { kind: 'invalid' };
      if (now >= request.expiresAt) return { kind: 'expired' };
      if (request.state === 'denied') return { kind: 'denied' };
      const pace = paceOf(request, now);
      await tx.change(request.id, pace.change);
      if (pace.isTooFast) return { kind: 'slow-down' };
      return request.state === 'approved' ? handOver(tx, request, now) : { kind: 'pending' };
    });
    if (answer.kind === 'token') this.#counts.device('fetched');
    return answer;
  }

  /** What a person is shown before deciding. @throws AccountError token.code | login.locked */
  async look(caller: LoginCaller, typed: string): Promise<DeviceRequest> {
    return this.#guarded(caller, typed, async (userCodeHash, now) => {
      const request = await this.#store.find(userCodeHash);
      return request !== undefined && isOpen(request, now) ? request : undefined;
    });
  }

  /** @throws AccountError token.code | login.locked */
  async approve(caller: LoginCaller, typed: string): Promise<DeviceRequest> {
    const approved = await this.#decide(caller, typed, 'approved');
    this.#notices.tell({
      kind: 'device.paired',
      to: { kind: 'account', accountId: caller.account.id },
      facts: { address: approved.address, software: approved.app, name: approved.deviceName },
    });
    return approved;
  }

  /** @throws AccountError token.code | login.locked */
  async deny(caller: LoginCaller, typed: string): Promise<DeviceRequest> {
    return this.#decide(caller, typed, 'denied');
  }

  async #decide(
    caller: LoginCaller,
    typed: string,
    state: 'approved' | 'denied',
  ): Promise<DeviceRequest> {
    const decided = await this.#guarded(caller, typed, async (userCodeHash, now) =>
      this.#store.transaction(async (tx) => {
        const request = await tx.lock({ userCodeHash });
        if (request === undefined || !isOpen(request, now)) return undefined;
        const expiresAt = fetchableUntil(request, now);
        const change = { state, accountId: caller.account.id, expiresAt };
        await tx.change(request.id, change);
        return { ...request, ...change };
      }),
    );
    this.#counts.device(state);
    this.#audit.note({
      event: state === 'approved' ? 'token.device-approved' : 'token.device-denied',
      actor: { id: caller.account.id, name: caller.account.username },
      address: caller.address,
      target: decided.deviceName,
      result: 'ok',
      requestId: caller.requestId,
    });
    return decided;
  }

  /** Whoever finds nothing with the code has guessed. A right one is no merit: the codes of one's own devices forgive no guess. */
  async #guarded(
    caller: LoginCaller,
    typed: string,
    find: (userCodeHash: Buffer, now: Date) => Promise<DeviceRequest | undefined>,
  ): Promise<DeviceRequest> {
    const { account, address, peer } = caller;
    const visit = { address, peer, userAgent: undefined };
    const attempt = await this.#guard.admit({ visit, stage: 'code', subject: account.id });
    const code = readUserCode(typed);
    const found = code === undefined ? undefined : await find(hashOf(code), this.#now());
    if (found !== undefined) {
      await attempt.succeed();
      return found;
    }
    attempt.fail();
    this.#counts.device('wrong-code');
    throw new AccountError(
      'token.code',
      'no device waits with this code: read it again on the device, or let the device show a new one, for each is good for five minutes',
    );
  }
}

function isOpen(request: DeviceRequest, now: Date): boolean {
  return request.state === 'open' && now < request.expiresAt;
}

/** Whoever decides in the last second leaves the device the time to ask once more. */
function fetchableUntil(request: DeviceRequest, now: Date): Date {
  const fetchUntil = now.getTime() + deviceGrantLimits.fetchMs;
  return new Date(Math.max(request.expiresAt.getTime(), fetchUntil));
}

/** Who has asked too often already is refused, and if the hub is full a heavier neighbourhood makes room for a lighter one. */
async function makeRoom(
  tx: OpeningTransaction,
  asker: { bucket: string; network: string },
  now: Date,
): Promise<'address' | 'hub' | undefined> {
  await tx.forget(new Date(now.getTime() - deviceGrantLimits.keptMs));
  const counts = await tx.countOpen(asker, now);
  if (counts.bucket >= deviceGrantLimits.perAddress) return 'address';
  if (counts.hub < deviceGrantLimits.perHub) return undefined;
  // Not for a draw: whoever fills the hub from one network loses to everybody, but two equals never throw each other out.
  if (counts.heaviest === undefined || counts.heaviest.count <= counts.network + 1) return 'hub';
  await tx.removeOldest(counts.heaviest.network);
  return undefined;
}

/** What one customer of a provider, or one rented range, usually is. */
const neighbourhood = { ipv4: 24, ipv6: 48 };

/** Who does not say where it asks from shares one place with all others that do not. */
function askerOf(address: string | undefined): { bucket: string; network: string } {
  if (address === undefined) return { bucket: 'unknown', network: 'unknown' };
  return { bucket: addressBucket(address), network: networkAround(address, neighbourhood) };
}

/** RFC 8628 §3.5: too early costs five seconds more between polls, from then on. */
function paceOf(
  { polledAt, intervalMs }: DeviceRequest,
  now: Date,
): { isTooFast: boolean; change: DeviceRequestChange } {
  const { toleranceMs, slowDownMs } = deviceGrantLimits;
  const dueMs = (polledAt?.getTime() ?? Number.NEGATIVE_INFINITY) + intervalMs - toleranceMs;
  const isTooFast = now.getTime() < dueMs;
  return {
    isTooFast,
    change: { polledAt: now, intervalMs: isTooFast ? intervalMs + slowDownMs : intervalMs },
  };
}

async function handOver(tx: RequestTransaction, request: DeviceRequest, now: Date): Promise<Poll> {
  if (request.accountId === undefined) return { kind: 'invalid' };
  const { record, text } = makeToken({
    kind: 'device',
    accountId: request.accountId,
    name: request.deviceName,
    scopes: request.scopes,
    networks: [],
    createdAt: now,
    expiresAt: new Date(now.getTime() + deviceTokenLimits.lifeMs),
    idleMs: deviceTokenLimits.idleMs,
    app: request.app,
  });
  await tx.change(request.id, { state: 'fetched' });
  const isKept = await tx.insertToken(record, roomFor('device', now));
  return isKept ? { kind: 'token', text, lifeMs: deviceTokenLimits.lifeMs } : { kind: 'denied' };
}
