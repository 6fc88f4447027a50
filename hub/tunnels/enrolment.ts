// A token and a fresh key arrive; a server with its agent's identity and a name leaves, once per token (security rows D-01, D-02, D-06).

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';
import { enrolmentProof } from '../../shared/wire/proof.ts';
import type {
  EnrolmentStore,
  EnrolmentTransaction,
  LabelClaim,
  OpenToken,
  TokenRecord,
} from './enrolment-store.ts';
import { labelFault, labelFromName, requireLabel } from './hostname.ts';
import { agentIdOf, isSignedBy } from './identity.ts';
import { generateLabel, labelDraws } from './label-words.ts';
import type { Server } from './server.ts';
import {
  makeToken,
  operatorId,
  requireSecret,
  requireUsable,
  unknownToken,
  type TokenRequest,
} from './token.ts';
import { TunnelError } from './tunnel-error.ts';

export interface Redemption {
  readonly tokenId: string;
  readonly secret: string;
  /** Raw 32 bytes. */
  readonly publicKey: Buffer;
  readonly signature: Buffer;
  /** The nonce that this hub gave to this connection. */
  readonly nonce: Buffer;
  /** The TLS exporter of this connection. */
  readonly exporter: Buffer;
  readonly peerAddress: string;
  /** Whether the agent wants a name now (PHLIX_SUBDOMAIN_AUTO_CLAIM). */
  readonly claim: boolean;
  /** What the server's owner calls it (PHLIX_SERVER_NAME). */
  readonly name: string | undefined;
}

export interface Enrolled {
  readonly agentId: string;
  readonly server: Server;
  /** Why the asked label was not given; undefined if it was, or if none was asked. */
  readonly refused: { readonly label: string; readonly code: LabelRefusal } | undefined;
}

type ReuseListener = (token: TokenRecord, peerAddress: string) => void;

type LabelRefusal = 'name.invalid' | 'name.reserved' | 'name.taken' | 'name.quarantined';

const maxNameLength = 64;

export class Enrolment {
  readonly #store: EnrolmentStore;
  readonly #hubHost: string;
  readonly #ownLabels: readonly string[];
  readonly #now: () => Date;
  #onReused: ReuseListener = () => undefined;

  /** `ownLabels`: labels under the tenant domain that the hub uses itself. */
  constructor(options: {
    store: EnrolmentStore;
    hubHost: string;
    ownLabels?: readonly string[];
    now?: () => Date;
  }) {
    this.#store = options.store;
    this.#hubHost = options.hubHost;
    this.#ownLabels = options.ownLabels ?? [];
    this.#now = options.now ?? (() => new Date());
  }

  /** Whoever knows a used token has seen it somewhere: its owner is told (security row D-01). */
  onTokenReused(listener: ReuseListener): void {
    this.#onReused = listener;
  }

  /**
   * Makes a single-use token. Its text is returned here and exists nowhere else.
   * @throws TunnelError enrol.token-options | name.invalid | name.reserved | server.unknown
   */
  async createToken(request: TokenRequest = {}): Promise<{ text: string; expiresAt: Date }> {
    const { record, text } = makeToken(request, this.#now());
    if (request.label !== undefined) {
      requireLabel(request.label, this.#ownLabels);
    }
    if (request.serverId !== undefined) {
      const serverId = request.serverId;
      await this.#store.transaction((tx) => findSlot(tx, serverId, record.ownerId));
    }
    await this.#store.insertToken(record);
    return { text, expiresAt: record.expiresAt };
  }

  /** Those that can still be used, the youngest first; of one owner, or of all. */
  async listTokens(ownerId?: string): Promise<OpenToken[]> {
    return this.#store.listTokens(this.#now(), ownerId);
  }

  /** From now on it enrols nobody. Undefined: no such token is unused; `ownerId`: nobody else's. */
  async withdrawToken(id: string, ownerId?: string): Promise<OpenToken | undefined> {
    return this.#store.removeToken(id, ownerId);
  }

  /**
   * Turns a token into an identity, a server and, if asked, a name. The same key with the same token gets the same answer
   * again: its first answer may have been lost on the way.
   * @throws TunnelError enrol.* | name.quota
   */
  async redeem(request: Redemption): Promise<Enrolled> {
    const proof = enrolmentProof({
      hubHost: this.#hubHost,
      tokenId: request.tokenId,
      nonce: request.nonce,
      exporter: request.exporter,
    });
    if (!isSignedBy(request.publicKey, proof, request.signature)) {
      throw badProof('the key did not sign this connection');
    }
    const agentId = await agentIdOf(request.publicKey);
    let used: TokenRecord | undefined;
    try {
      return await this.#store.transaction(async (tx) => {
        const token = await tx.lockToken(request.tokenId);
        requireSecret(token, request.secret);
        if (token.usedAt !== undefined) {
          used = token;
          return repeatAnswer(tx, token, agentId);
        }
        requireUsable(token, request.peerAddress, this.#now());
        return this.#enrol(tx, token, agentId, request);
      });
    } catch (error) {
      const isReuse = error instanceof TunnelError && error.code === 'enrol.token-used';
      if (isReuse && used !== undefined) this.#onReused(used, request.peerAddress);
      throw error;
    }
  }

  async #enrol(
    tx: EnrolmentTransaction,
    token: TokenRecord,
    agentId: string,
    request: Redemption,
  ): Promise<Enrolled> {
    const at = this.#now();
    const serverId = token.serverId ?? randomUUIDv7();
    if (token.serverId === undefined) {
      await requireOwner(tx, token);
      const name = cleanName(request.name) ?? token.label ?? 'media server';
      await tx.insertServer({ id: serverId, ownerId: token.ownerId, name, at });
    } else {
      await findSlot(tx, serverId, token.ownerId);
    }
    const isNew = await tx.giveKey({ agentId, publicKey: request.publicKey, serverId, at });
    if (!isNew) {
      throw badProof('this key belongs to a server already: remove the agent’s identity file');
    }
    await tx.useToken(token.id, agentId, at);
    const asked = token.label ?? request.name;
    const wantsLabel = request.claim || token.label !== undefined;
    const refused =
      wantsLabel && (await requireServer(tx, serverId)).label === undefined
        ? await this.#claim(tx, { serverId, ownerId: token.ownerId, at }, asked)
        : undefined;
    return { agentId, server: await requireServer(tx, serverId), refused };
  }

  /** A wish that cannot be granted never blocks an enrolment: a generated label does until the owner renames it. */
  async #claim(
    tx: EnrolmentTransaction,
    claim: Omit<LabelClaim, 'label'>,
    asked: string | undefined,
  ): Promise<Enrolled['refused']> {
    const refused = asked === undefined ? undefined : await this.#claimAsked(tx, claim, asked);
    if (asked !== undefined && refused === undefined) {
      return undefined;
    }
    for (let draw = 0; draw < labelDraws; draw++) {
      const label = generateLabel();
      const isFree = labelFault(label, this.#ownLabels) === undefined;
      if (isFree && (await tx.claimLabel({ ...claim, label })) === 'claimed') {
        return refused;
      }
    }
    throw new TunnelError('name.taken', `no free name in ${labelDraws} draws: enrol again`);
  }

  async #claimAsked(
    tx: EnrolmentTransaction,
    claim: Omit<LabelClaim, 'label'>,
    asked: string,
  ): Promise<Enrolled['refused']> {
    const label = labelFromName(asked, this.#ownLabels);
    if (label === undefined) {
      const word = asked.trim().toLowerCase();
      return { label: asked, code: labelFault(word, this.#ownLabels) ?? 'name.invalid' };
    }
    const outcome = await tx.claimLabel({ ...claim, label });
    return outcome === 'claimed' ? undefined : { label, code: outcome };
  }
}

/**
 * Tokens of whoever loses his account, or the right to servers, are void with it (hub/db/voided-tokens.ts): here stops one
 * that was made in that very moment. The operator's own need no account.
 */
async function requireOwner(tx: EnrolmentTransaction, { ownerId }: TokenRecord): Promise<void> {
  if (ownerId !== operatorId && !(await tx.mayHaveServers(ownerId))) throw unknownToken();
}

async function repeatAnswer(
  tx: EnrolmentTransaction,
  token: TokenRecord,
  agentId: string,
): Promise<Enrolled> {
  const agent = token.usedBy === agentId ? await tx.findAgent(agentId) : undefined;
  if (agent === undefined || agent.isRevoked) {
    throw new TunnelError(
      'enrol.token-used',
      'this enrolment token was used already: make a new one with "phlix-hub enrol-token create"; if it was not you who used it, revoke that server with "phlix-hub servers revoke"',
    );
  }
  return { agentId, server: await requireServer(tx, agent.serverId), refused: undefined };
}

async function findSlot(
  tx: EnrolmentTransaction,
  serverId: string,
  ownerId: string,
): Promise<Server> {
  const server = await tx.findServer(serverId);
  if (server === undefined || server.ownerId !== ownerId || server.revokedAt !== undefined) {
    throw new TunnelError(
      'server.unknown',
      `there is no server ${serverId}: "phlix-hub servers list" shows those there are`,
    );
  }
  return server;
}

async function requireServer(tx: EnrolmentTransaction, serverId: string): Promise<Server> {
  const server = await tx.findServer(serverId);
  if (server === undefined) {
    throw new TunnelError('server.unknown', `server ${serverId} has vanished: enrol again`);
  }
  return server;
}

function cleanName(name: string | undefined): string | undefined {
  const clean = name
    ?.replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, maxNameLength);
  return clean === '' ? undefined : clean;
}

function badProof(what: string): TunnelError {
  return new TunnelError(
    'enrol.proof',
    `the agent could not prove its key: ${what}. If a proxy ends TLS between agent and hub, pass port 8802 through instead`,
  );
}
