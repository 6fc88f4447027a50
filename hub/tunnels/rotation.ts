// A chain of keys arrives, each signed for by the one before; the last of them leaves in the place of the one that the hub knows (security row D-05).

import type { Buffer } from 'node:buffer';

import { rotationProof, successionStatement } from '../../shared/wire/proof.ts';
import type { EnrolmentStore, EnrolmentTransaction } from './enrolment-store.ts';
import { agentIdOf, isSignedBy } from './identity.ts';
import type { AgentIdentity, Server } from './server.ts';
import { FailureBudget } from './failure-budget.ts';
import { RotatedTooOften, TunnelError } from './tunnel-error.ts';

/**
 * New keys of one server in ten minutes: each is a row, a line of the audit log and a notice to its owner. An agent keeps its new
 * key before it presents it and waits while it is refused, so nobody who only tries the command a few times may get there.
 */
const perServer = { limit: 10, windowMs: 10 * 60_000 };

/**
 * More than one step where the hub was restored from a backup that is older than some of the agent's keys: it finds the
 * latest that it knows, and goes on from there.
 */
export interface Succession {
  /** Raw keys of 32 bytes, oldest first: the last is the agent's own. */
  readonly keys: readonly Buffer[];
  /** One less than keys: what each of them signed to name the next. */
  readonly statements: readonly Buffer[];
  /** By the last key, over this connection. */
  readonly signature: Buffer;
  readonly nonce: Buffer;
  readonly exporter: Buffer;
  readonly peerAddress: string;
  /** Of the running agent that changes its key. Undefined: none runs. */
  readonly epoch: bigint | undefined;
}

export interface Succeeded {
  readonly agentId: string;
  readonly server: Server;
  /** Whose place it took; undefined: it had it already, and its answer was lost on the way. */
  readonly former: string | undefined;
}

type SuccessionListener = (succeeded: Succeeded, peerAddress: string) => void;

export class Rotation {
  readonly #store: Pick<EnrolmentStore, 'transaction'>;
  readonly #hubHost: string;
  readonly #now: () => Date;
  readonly #successions = new FailureBudget(perServer);
  #onSucceeded: SuccessionListener = () => undefined;

  constructor(options: {
    store: Pick<EnrolmentStore, 'transaction'>;
    hubHost: string;
    now?: () => Date;
  }) {
    this.#store = options.store;
    this.#hubHost = options.hubHost;
    this.#now = options.now ?? (() => new Date());
  }

  /** Whoever has a copy of a key could change it too: its server's owner is told. */
  onSucceeded(listener: SuccessionListener): void {
    this.#onSucceeded = listener;
  }

  /** All of it or nothing; said twice it is done once. @throws TunnelError rotate.refused | enrol.rate-limited */
  async succeed(request: Succession): Promise<Succeeded> {
    if (!this.#isVouchedFor(request)) throw refused();
    const succeeded = await this.#store.transaction((tx) => this.#take(tx, request));
    if (succeeded.former === undefined) return succeeded;
    this.#successions.note(succeeded.server.id);
    this.#onSucceeded(succeeded, request.peerAddress);
    return succeeded;
  }

  async #take(tx: EnrolmentTransaction, { keys, epoch }: Succession): Promise<Succeeded> {
    const links = await Promise.all(
      keys.map(async (publicKey) => ({ publicKey, agentId: await agentIdOf(publicKey) })),
    );
    const { index, agent, server } = await findLatest(tx, links);
    const last = links.at(-1);
    if (agent.isRevoked || server.revokedAt !== undefined || last === undefined) throw refused();
    const { agentId } = last;
    if (agent.agentId === agentId) return { agentId, server, former: undefined };
    const waitMs = this.#successions.waitMs(server.id);
    if (waitMs > 0) throw new RotatedTooOften(waitMs);
    let replaces = agent.agentId;
    const at = this.#now();
    for (const next of links.slice(index + 1)) {
      const isNew = await tx.succeedKey({ ...next, serverId: server.id, at, replaces, epoch });
      if (!isNew) throw refused();
      replaces = next.agentId;
    }
    return { agentId, server, former: agent.agentId };
  }

  #isVouchedFor({ keys, statements, signature, nonce, exporter }: Succession): boolean {
    const hubHost = this.#hubHost;
    const successor = keys.at(-1);
    if (successor === undefined || statements.length !== keys.length - 1) return false;
    const proof = rotationProof({ hubHost, successor, nonce, exporter });
    return (
      isSignedBy(successor, proof, signature) &&
      statements.every((statement, i) => {
        const [former, next] = keys.slice(i, i + 2);
        if (former === undefined || next === undefined) return false;
        const said = successionStatement({ hubHost, former, successor: next });
        return isSignedBy(former, said, statement);
      })
    );
  }
}

/** With its server, which is held until the transaction ends. @throws TunnelError rotate.refused */
async function findLatest(
  tx: EnrolmentTransaction,
  links: readonly { readonly agentId: string }[],
): Promise<{ index: number; agent: AgentIdentity; server: Server }> {
  for (const [index, { agentId }] of [...links.entries()].toReversed()) {
    const known = await tx.findAgent(agentId);
    const server = known && (await tx.findServer(known.serverId));
    // Once more: another rotation may have been first, before the server was held.
    const agent = server && (await tx.findAgent(agentId));
    if (agent !== undefined && server !== undefined) return { index, agent, server };
  }
  throw refused();
}

/** One sentence for all of them: whether a key is known is nobody's business but its holder's. */
function refused(): TunnelError {
  return new TunnelError(
    'rotate.refused',
    'none of these keys is the present key of a server here: start the agent, which says what became of its key, or enrol it anew with a token',
  );
}
