// Settings and the ports that were bound arrive; the addresses leave by which people, agents and visitors reach the hub.

import { agentUrlOf, publicUrlOf, type HubConfig } from '../config.ts';
import { hostnameOf } from '../tunnels/hostname.ts';
import type { Server } from '../tunnels/server.ts';

/** What the hub is called from outside. Ports given as 0 are known once something listens, and nobody asks before. */
export class Place {
  readonly #config: HubConfig;
  readonly #domainsOf: (serverId: string) => readonly string[];
  #publicUrl: URL;
  #tunnelPort: number;
  #adminPort: number | undefined;

  /** `domainsOf`: the hostnames that a server has proven, beside its label. */
  constructor(config: HubConfig, domainsOf: (serverId: string) => readonly string[] = () => []) {
    this.#config = config;
    this.#domainsOf = domainsOf;
    this.#publicUrl = publicUrlOf(config);
    this.#tunnelPort = config.tunnelListen.port;
  }

  /** `https` undefined: a proxy in front ends TLS. */
  settle(ports: { https: number | undefined; tunnel: number }): void {
    this.#publicUrl = publicUrlOf(this.#config, ports.https);
    this.#tunnelPort = ports.tunnel;
  }

  /** The door of HUB_ADMIN_LISTEN is open. */
  settleAdmin(port: number): void {
    this.#adminPort = port;
  }

  /** Where admins are let in; undefined: where everybody is. */
  get adminUrl(): string | undefined {
    if (this.#adminPort === undefined) return undefined;
    return new URL(`https://${this.#config.hubHost}:${this.#adminPort}`).origin;
  }

  /** `https://hub.localhost:8443`. */
  get publicUrl(): string {
    return this.#publicUrl.origin;
  }

  get httpsPort(): number {
    return Number(this.#publicUrl.port || 443);
  }

  /** In the order of trial: the tunnel's own port, and the visitors', which networks rarely block. */
  get tunnelUrls(): string[] {
    const { host } = this.#publicUrl;
    const { hubHost, isBehindTls } = this.#config;
    const own = `wss://${hubHost}:${this.#tunnelPort}/tunnel`;
    // What an agent signs is bound to TLS that the hub ends itself, and a proxy ends that of visitors.
    return isBehindTls ? [own] : [own, `wss://${host}/tunnel`];
  }

  /** What an agent is told: where it enrols. */
  get agentUrl(): string {
    return agentUrlOf(this.#config, this.publicUrl, this.#tunnelPort);
  }

  /** The address of a name: the port that visitors use is the hub's own. */
  addressOf(hostname: string): string {
    const { port } = this.#publicUrl;
    return `https://${hostname}${port === '' ? '' : `:${port}`}`;
  }

  /** The label's first. */
  addressesOf({ id, label }: Server): string[] {
    const own = label === undefined ? [] : [hostnameOf(label, this.#config.tenantDomain)];
    const hostnames = [...own, ...this.#domainsOf(id).slice(0, maxDomains)];
    return hostnames.map((hostname) => this.addressOf(hostname));
  }
}

/** The welcome that an agent gets has room for 2,048 characters of addresses (shared/wire/hello.ts). */
const maxDomains = 4;
