// The stores' ports in memory, for tests of the rooms that use them: one transaction at a time, nothing survives.

import type {
  EnrolmentStore,
  EnrolmentTransaction,
  TokenRecord,
} from '../../hub/tunnels/enrolment-store.ts';
import type { Checkup, CheckupStore } from '../../hub/tunnels/checkup.ts';
import {
  changedSwitches,
  defaultSwitches,
  type AgentIdentity,
  type Server,
  type ServerStore,
} from '../../hub/tunnels/server.ts';

export class MemoryStores {
  readonly tokens = new Map<string, TokenRecord>();
  readonly agents = new Map<string, AgentIdentity>();
  readonly byId = new Map<string, Server>();
  #epoch = 0n;
  readonly #watchers = new Set<(serverId: string | undefined) => void>();

  readonly enrolment: EnrolmentStore = {
    insertToken: async (token) => void this.tokens.set(token.id, token),
    listTokens: async () => [...this.tokens.values()],
    removeToken: async (id) => {
      const token = this.tokens.get(id);
      this.tokens.delete(id);
      return token;
    },
    transaction: async (work) => work(this.#transaction),
  };

  /** By the server's id, then by part. */
  readonly told = new Map<string, Map<string, Checkup>>();

  readonly checkups: CheckupStore = {
    keep: async (agentId, checkup) => {
      const agent = this.agents.get(agentId);
      if (agent === undefined || agent.isRevoked) return undefined;
      const told = this.told.get(agent.serverId) ?? new Map<string, Checkup>();
      this.told.set(agent.serverId, told.set(checkup.part, checkup));
      return { lineLookedAt: told.get('line')?.lookedAt };
    },
    list: async (serverId) => [...(this.told.get(serverId)?.values() ?? [])],
    watch: async () => () => undefined,
  };

  readonly servers: ServerStore = {
    findAgent: async (agentId) => this.agents.get(agentId),
    find: async (serverId) => this.byId.get(serverId),
    findByLabel: async (label) => [...this.byId.values()].find((server) => server.label === label),
    list: async () => [...this.byId.values()].filter(({ revokedAt }) => revokedAt === undefined),
    rename: async (serverId, label) => this.#change(serverId, { label }),
    changeSwitches: async (serverId, change) => {
      const former = this.byId.get(serverId)?.switches ?? defaultSwitches;
      return this.#change(serverId, { switches: changedSwitches(former, change) });
    },
    revoke: async (serverId) => {
      for (const agent of this.agents.values()) {
        if (agent.serverId !== serverId) continue;
        this.agents.set(agent.agentId, { ...agent, isRevoked: true });
      }
      return this.#change(serverId, { revokedAt: new Date() });
    },
    suspend: async (serverId, reason) =>
      this.#change(serverId, { suspension: { since: new Date(), reason } }),
    resume: async (serverId) => this.#change(serverId, { suspension: undefined }),
    transfer: async (serverId, ownerId) =>
      this.#change(serverId, { ownerId, agentId: undefined, newOwnerSince: new Date() }),
    touch: async (serverId, lastSeenAt) => {
      const server = this.byId.get(serverId);
      if (server !== undefined) this.byId.set(serverId, { ...server, lastSeenAt });
    },
    nextEpoch: async () => {
      this.#epoch += 1n;
      return this.#epoch;
    },
    watch: async (onChange) => {
      this.#watchers.add(onChange);
      return async () => void this.#watchers.delete(onChange);
    },
  };

  readonly #transaction: EnrolmentTransaction = {
    lockToken: async (id) => this.tokens.get(id),
    useToken: async (id, usedBy, usedAt) => {
      const token = this.tokens.get(id);
      if (token !== undefined) this.tokens.set(id, { ...token, usedAt, usedBy });
    },
    findAgent: async (agentId) => this.agents.get(agentId),
    findServer: async (serverId) => this.byId.get(serverId),
    mayHaveServers: async () => true,
    insertServer: async ({ id, ownerId, name, at }) =>
      void this.byId.set(id, {
        id,
        ownerId,
        name,
        label: undefined,
        newOwnerSince: undefined,
        agentId: undefined,
        switches: defaultSwitches,
        createdAt: at,
        lastSeenAt: undefined,
        revokedAt: undefined,
      }),
    giveKey: async ({ agentId, publicKey, serverId }) => {
      if (this.agents.has(agentId)) return false;
      this.agents.set(agentId, { agentId, publicKey, serverId, isRevoked: false });
      await this.#change(serverId, { agentId });
      return true;
    },
    succeedKey: async ({ replaces, epoch, ...key }) => {
      const former = this.agents.get(replaces);
      if (former === undefined || this.agents.has(key.agentId)) return false;
      this.agents.set(replaces, { ...former, isRevoked: true, isReplaced: true });
      this.agents.set(key.agentId, { ...key, isRevoked: false });
      await this.#change(key.serverId, {
        agentId: key.agentId,
        formerKey: { agentId: replaces, epoch },
      });
      return true;
    },
    claimLabel: async ({ label, serverId }) => {
      if ((await this.servers.findByLabel(label)) !== undefined) return 'name.taken';
      await this.#change(serverId, { label });
      return 'claimed';
    },
  };

  async #change(serverId: string, change: Partial<Server>): Promise<Server> {
    const server = this.byId.get(serverId);
    if (server === undefined) throw new Error(`no server ${serverId}`);
    const changed = { ...server, ...change };
    this.byId.set(serverId, changed);
    for (const onChange of this.#watchers) onChange(serverId);
    return changed;
  }
}
