// The agent's identity arrives; the key that it has now leaves, also after it was changed, and what a refusal of the key means (security row D-05).

import type { Logger } from '../shared/log.ts';
import type { AgentConfig } from './config.ts';
import {
  adoptNextIdentity,
  forgetNextIdentity,
  generateIdentityKey,
  readIdentity,
  readNextIdentity,
  writeNextIdentity,
  type Enrolled,
} from './credentials.ts';
import { AgentFailure, asFailure } from './failure.ts';
import { presentKey } from './present-key.ts';
import { agentIdOf, rawPublicKey, succeeded } from './succession.ts';
import { trustOf } from './trust.ts';

export interface KeysOptions {
  readonly config: AgentConfig;
  readonly identity: Enrolled;
  readonly software: string;
  readonly deadlineMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export class Keys {
  readonly #options: KeysOptions;
  #identity: Enrolled;
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: KeysOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  get identity(): Enrolled {
    return this.#identity;
  }

  /**
   * Makes a new key and has the hub take it, or ends such a change that a crash cut off. At every step one of the two keys
   * that are on the disk is the one that the hub knows. `epoch`: of the links that this process has.
   * @throws AgentFailure | CredentialError
   */
  async rotate(epoch: bigint | undefined): Promise<Enrolled> {
    return this.#inTurn(async () => {
      const begun = await this.#begun();
      return this.#take(begun ?? (await this.#begin()), epoch);
    });
  }

  /** After a link stands: what a crash cut off is done now. Cannot reject. */
  async finish(epoch: bigint): Promise<void> {
    await this.#inTurn(async () => {
      const begun = await this.#begun();
      if (begun !== undefined) await this.#take(begun, epoch);
    }).catch((error: unknown) =>
      this.#options.log.warn({ err: asFailure(error) }, 'the change of the key is not done yet'),
    );
  }

  /** A refusal of a key that has changed meanwhile, or that the hub does not know yet, is a reason to dial again. */
  async guard<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const before = this.#identity.agentId;
    try {
      return await attempt();
    } catch (error) {
      throw await this.#explain(asFailure(error), before);
    }
  }

  async #explain(failure: AgentFailure, before: string): Promise<AgentFailure> {
    const { code } = failure;
    if (code !== 'agent.key-rotated' && code !== 'link.unauthorised') return failure;
    if (this.#identity.agentId !== before) return dialAgain(failure);
    try {
      const isMended = await this.#inTurn(() => this.#mend(code));
      return isMended ? dialAgain(failure) : failure;
    } catch (error) {
      const cause = asFailure(error);
      this.#options.log.debug({ err: cause }, 'the key could not be mended');
      // The hub could not be asked: whether the key is good is not known yet.
      return code === 'agent.key-rotated' && cause.code !== 'rotate.refused' ? cause : failure;
    }
  }

  /** False: there is nothing else to try. @throws AgentFailure | CredentialError */
  async #mend(code: 'agent.key-rotated' | 'link.unauthorised'): Promise<boolean> {
    if (code === 'link.unauthorised') {
      // Restored from a backup, perhaps: of an earlier key it can learn the present one.
      if (this.#identity.formerKeys.length === 0) return false;
      await this.#present(this.#identity, undefined);
      return true;
    }
    const { stateFolder } = this.#options.config;
    const stored = await readIdentity(stateFolder);
    if (stored?.state === 'enrolled' && stored.agentId !== this.#identity.agentId) {
      this.#identity = stored;
      return true;
    }
    const begun = await this.#begun();
    if (begun === undefined) return false;
    await this.#take(begun, undefined);
    return true;
  }

  /** One that belongs to another identity than the present was left by a restored folder. */
  async #begun(): Promise<Enrolled | undefined> {
    const { stateFolder } = this.#options.config;
    const next = await readNextIdentity(stateFolder);
    if (next === undefined) return undefined;
    const last = next.formerKeys.at(-1)?.publicKey;
    if (last?.equals(rawPublicKey(this.#identity.privateKey)) === true) return next;
    await forgetNextIdentity(stateFolder);
    return undefined;
  }

  async #begin(): Promise<Enrolled> {
    const { config } = this.#options;
    const privateKey = generateIdentityKey();
    const next: Enrolled = {
      ...this.#identity,
      privateKey,
      agentId: agentIdOf(rawPublicKey(privateKey)),
      formerKeys: succeeded(this.#identity, privateKey, config.hub.hostname),
    };
    await writeNextIdentity(config.stateFolder, next);
    return next;
  }

  async #take(next: Enrolled, epoch: bigint | undefined): Promise<Enrolled> {
    const { config, log } = this.#options;
    try {
      await this.#present(next, epoch);
    } catch (error) {
      const isRefused = error instanceof AgentFailure && error.code === 'rotate.refused';
      if (isRefused) await forgetNextIdentity(config.stateFolder);
      throw error;
    }
    const former = this.#identity.agentId;
    await adoptNextIdentity(config.stateFolder, next);
    this.#identity = next;
    log.info({ agentId: next.agentId, former }, 'this agent has a new key');
    return next;
  }

  async #present(identity: Enrolled, epoch: bigint | undefined): Promise<void> {
    const { config, software, deadlineMs, signal } = this.#options;
    const trust = await trustOf(config, identity.caPem);
    await presentKey({ hub: config.hub, identity, trust, epoch, software, deadlineMs, signal });
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

function dialAgain(cause: AgentFailure): AgentFailure {
  return new AgentFailure('link.lost', 'the key of this agent has changed: it dials again', {
    cause,
  });
}
