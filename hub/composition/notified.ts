// Settings and stores arrive; the notices of a running hub leave: who tells, who is told, by which way, and what watches over servers and certificates.

import { CodedError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { Metric } from '../../shared/telemetry/metric.ts';
import type { Ban } from '../access/bans/ban.ts';
import type { Bans } from '../access/bans/bans.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { KeyRing } from '../certificates/life/sealing.ts';
import type { HubConfig } from '../config.ts';
import type { Addressees } from '../notices/addressee.ts';
import { noMailer, SmtpMailer, type Conversation } from '../notices/mail/smtp-mailer.ts';
import type { Letter, Mailer } from '../notices/mailer.ts';
import { isForAdmins, type Notices } from '../notices/notice.ts';
import { NoticeError } from '../notices/notice-error.ts';
import { NoticeQueue, type FailedNotice } from '../notices/queue.ts';
import type { SafeFetch } from '../notices/safe-fetch.ts';
import { NoticeTargets } from '../notices/targets/targets.ts';
import { CertificateWatch, type WatchedCertificate } from '../notices/watch/certificate-watch.ts';
import { OfflineWatch } from '../notices/watch/offline-watch.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import type { HeldCertificate } from '../telemetry/certificate-metrics.ts';
import { NoticeMetrics } from '../telemetry/notice-metrics.ts';
import type { Server } from '../tunnels/server.ts';

export interface Notified {
  readonly notices: Notices;
  readonly targets: NoticeTargets;
  readonly mailer: Mailer;
  readonly metrics: readonly Metric[];
}

export interface NotifiedParts {
  readonly stores: Stores;
  readonly keyRing: KeyRing;
  readonly fetch: SafeFetch;
  readonly audit: Audit;
  /** `https://hub.example.org`; of a trial hub known only when it listens. */
  readonly origin: () => string;
  readonly log: Logger;
  readonly opened: Opened;
}

export function openNotified(config: HubConfig, parts: NotifiedParts): Notified {
  const { stores, keyRing, fetch, audit, origin, log, opened } = parts;
  const { hubHost } = config;
  const smtp = config.mail && new SmtpMailer(config.mail, { hubHost });
  const mailer = smtp ?? noMailer;
  const counts = new NoticeMetrics();
  const targets = new NoticeTargets({
    store: stores.notices.targets,
    sealing: keyRing,
    post: async (letter) => (smtp === undefined ? noConversation(letter) : smtp.converse(letter)),
    fetch,
    hub: origin,
  });
  const notices = new NoticeQueue({
    addressees: addresseesOf(stores),
    targets: stores.notices.targets,
    send: async (target, message) => targets.send(target, message),
    mailer,
    hub: origin,
    log,
    onOutcome: (channel, result) => counts.noteOutcome(channel, result),
    onFailed: (failed) => noteFailure(audit, failed),
    onDropped: (reason) => counts.noteDropped(reason),
  });
  opened.add(async () => notices.stop());
  return { notices, targets, mailer, metrics: counts.metrics };
}

function noteFailure(audit: Audit, { channel, kind, error }: FailedNotice): void {
  audit.note({
    event: 'notice.failed',
    actor: 'system',
    target: kind,
    method: channel,
    result: 'failed',
    reason: error instanceof CodedError ? error.code : undefined,
  });
}

/** Row D-01: whoever brings a used token has seen it somewhere. */
export function tellReuse({ notices }: Pick<Notified, 'notices'>, { enrolment }: Stores): void {
  enrolment.onTokenReused(({ id: tokenId, ownerId }, address) =>
    notices.tell({
      kind: 'server.token-reused',
      to: { kind: 'owner', ownerId },
      facts: { tokenId, address },
    }),
  );
}

/** Of every door; and of the hub's own pages, whoever is kept from them for days. One process of the hub tells of each. */
export function tellBans({ notices }: Pick<Notified, 'notices'>, parts: BanParts): void {
  const { bans, stores, log } = parts;
  const tell = async ({ id, network, origin, reason, by, until }: Ban): Promise<void> => {
    const isFirst = await stores.notices.once.claim(`ban ${id}`, new Date(), banClaimMs);
    if (!isFirst) return;
    const address = network.replace(/\/(32|128)$/, '');
    const words = reason === '' ? 'no reason was given' : reason;
    const why = origin === 'operator' ? `${words} (${by === 'host' ? 'on the host' : by})` : words;
    const facts = { address, reason: why, until };
    notices.tell({ kind: 'ban.added', to: { kind: 'admins' }, facts });
  };
  bans.onBanned((ban) => {
    tell(ban).catch((error: unknown) => log.warn({ err: error }, 'a ban could not be told of'));
  });
}

interface BanParts {
  readonly bans: Pick<Bans, 'onBanned'>;
  readonly stores: Stores;
  readonly log: Logger;
}

/** All processes hear of a ban within seconds; as long as what else the store remembers. */
const banClaimMs = 24 * 3_600_000;

/** Of the log that everything else is looked up in. */
export function tellAuditTrouble(
  { notices }: Pick<Notified, 'notices'>,
  audit: Pick<AuditLog, 'onTrouble'>,
): void {
  audit.onTrouble((reason) =>
    notices.tell({ kind: 'audit.trouble', to: { kind: 'admins' }, facts: { reason } }),
  );
}

/** Of servers and certificates, once both are there. */
export function startWatches(
  { notices }: Pick<Notified, 'notices'>,
  parts: Pick<NotifiedParts, 'stores' | 'audit' | 'log' | 'opened'> & {
    readonly held: () => readonly HeldCertificate[];
  },
): void {
  const { stores, held, audit, log, opened } = parts;
  const { presence, servers, notices: kept } = stores;
  const offline = new OfflineWatch({ presence, servers, alerts: kept.alerts, notices, log });
  opened.add(async () => offline.stop());
  offline.start();
  const certificates = new CertificateWatch({
    held: async () => watchedOf(held(), await servers.list()),
    once: kept.once,
    notices,
    onExpiring: (names, reason) =>
      audit.note({
        event: 'cert.expiring',
        actor: 'system',
        target: names.join(' '),
        result: 'failed',
        reason,
      }),
    log,
  });
  opened.add(() => certificates.stop());
  certificates.start();
}

async function noConversation(letter: Letter): Promise<Conversation> {
  try {
    await noMailer.send(letter);
  } catch (error) {
    if (error instanceof NoticeError) return { isSent: false, transcript: [], failure: error };
    throw error;
  }
  return { isSent: true, transcript: [], failure: undefined };
}

/** A hub has a handful of admins and owners, and a notice is rare: they are looked up when there is one. */
function addresseesOf({ people: { accounts } }: Stores): Addressees {
  return {
    async of(audience) {
      if (audience.kind === 'account') {
        const account = await accounts.find(audience.accountId);
        return account === undefined ? [] : [account].filter(isActive).map(addresseeOf);
      }
      const meant = [];
      for await (const account of everybody(accounts)) {
        const isMeant =
          (isForAdmins(audience) && account.role === 'admin') ||
          (audience.kind === 'owner' && account.ownerId === audience.ownerId);
        if (isMeant && isActive(account)) meant.push(addresseeOf(account));
      }
      return meant;
    },
  };
}

type People = Stores['people']['accounts'];
type Person = Awaited<ReturnType<People['list']>>[number];

async function* everybody(accounts: People): AsyncGenerator<Person> {
  let after: string | undefined;
  for (;;) {
    const page = await accounts.list({ after, limit: pageLength });
    yield* page;
    if (page.length < pageLength) return;
    after = page.at(-1)?.key;
  }
}

const pageLength = 500;

function isActive({ state }: Person): boolean {
  return state === 'active';
}

function addresseeOf({ id, email, emailVerifiedAt }: Person) {
  return { accountId: id, email: emailVerifiedAt === undefined ? undefined : email };
}

/** What is held twice, as while it is replaced, is good for as long as the better one. */
function watchedOf(
  held: readonly HeldCertificate[],
  servers: readonly Pick<Server, 'id' | 'ownerId'>[],
): WatchedCertificate[] {
  const owners = new Map(servers.map(({ id, ownerId }) => [id, ownerId]));
  const byNames = new Map<string, WatchedCertificate>();
  for (const { names, keyKind, notAfter, isReleased, serverId, wantedSince, failure } of held) {
    if (isReleased) continue;
    const key = `${keyKind} ${names.toSorted().join(' ')}`;
    const known = byNames.get(key)?.notAfter;
    if (known !== undefined && (notAfter === undefined || known >= notAfter)) continue;
    const ownerId = serverId === undefined ? undefined : owners.get(serverId);
    byNames.set(key, { names, notAfter, ownerId, failure, wantedSince });
  }
  return [...byNames.values()];
}
