// A way of proof arrives; a hub with HUB_TLS=acme leaves, with a real Pebble as its authority that finds the hub at its own ports.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';

import { HubProcess, type HubProcessOptions } from './deployment.ts';
import { TestDns } from './dns-server.ts';
import { Pebble, type PebbleOptions } from './pebble.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface AcmeHubOptions {
  /** `dns-01`: the hub's own responder is all the DNS that its authority has. */
  readonly challenge: 'http-01' | 'tls-alpn-01' | 'dns-01';
  readonly pebble?: Pick<PebbleOptions, 'certificateLifeSeconds' | 'rejectedNoncesPercent'>;
  readonly hub?: HubProcessOptions;
  /** Another Pebble as HUB_ACME_FALLBACK_DIRECTORY. */
  readonly hasSecond?: boolean;
  /** Its authority is there, and does not answer until `wakePebble`. */
  readonly isPebbleAsleep?: boolean;
}

interface Parts {
  readonly pebble: Pebble;
  readonly second: Pebble | undefined;
  readonly hub: HubProcess;
  readonly hubOptions: HubProcessOptions;
  readonly dns: TestDns;
  readonly rootFile: string;
}

export class AcmeHub {
  readonly pebble: Pebble;
  readonly second: Pebble | undefined;
  readonly hub: HubProcess;
  /** PEM of the root that Pebble signs with, for visitors and agents. */
  readonly rootFile: string;
  readonly #hubOptions: HubProcessOptions;
  readonly #dns: TestDns;

  static async start(options: AcmeHubOptions): Promise<AcmeHub> {
    const folder = temporaryFolder('acme').path;
    const [https = 0, http = 0, responder = 0] = await freePorts(3);
    const dns = await TestDns.start();
    for (const name of ['hub.localhost', '*.phlix.localhost']) dns.set(name, 'A', '127.0.0.1');
    const ownDns = `127.0.0.1:${responder}`;
    const looksAt = {
      ...options.pebble,
      dnsServer: options.challenge === 'dns-01' ? ownDns : dns.server,
      httpPort: http,
      tlsPort: https,
    };
    const pebble = await Pebble.start(looksAt);
    const second = options.hasSecond === true ? await Pebble.start(looksAt) : undefined;
    const [trustFile, rootFile] = [join(folder, 'trust.pem'), join(folder, 'root.pem')];
    writeFileSync(trustFile, `${pebble.trust}${second?.trust ?? ''}`);
    writeFileSync(rootFile, `${await pebble.root()}${(await second?.root()) ?? ''}`);
    if (options.isPebbleAsleep === true) process.kill(pebble.program.pid, 'SIGSTOP');
    const hubOptions: HubProcessOptions = {
      ...options.hub,
      settings: {
        HUB_PUBLIC_URL: `https://hub.localhost:${https}`,
        HUB_HTTPS_LISTEN: `127.0.0.1:${https}`,
        HUB_HTTP_LISTEN: `127.0.0.1:${http}`,
        HUB_TLS: 'acme',
        HUB_ACME_DIRECTORY: pebble.directoryUrl,
        HUB_ACME_CA_FILE: trustFile,
        HUB_ACME_FALLBACK_DIRECTORY: second?.directoryUrl,
        HUB_ACME_AGREE_TERMS: '1',
        ...(options.challenge === 'dns-01'
          ? responderSettings(ownDns)
          : {
              HUB_ACME_CHALLENGE: options.challenge,
              HUB_DNS_RESOLVERS: dns.server,
              HUB_DNS_RESOLVERS_ONLY: '1',
            }),
        ...options.hub?.settings,
      },
    };
    const hub = await HubProcess.start(hubOptions);
    return new AcmeHub({ pebble, second, hub, hubOptions, dns, rootFile });
  }

  private constructor({ pebble, second, hub, hubOptions, dns, rootFile }: Parts) {
    this.#hubOptions = hubOptions;
    this.pebble = pebble;
    this.second = second;
    this.hub = hub;
    this.rootFile = rootFile;
    this.#dns = dns;
  }

  /** A second process on the same database, at ports of its own where no authority looks. */
  async another(): Promise<HubProcess> {
    const ports = { HUB_HTTPS_LISTEN: '127.0.0.1:0', HUB_HTTP_LISTEN: '127.0.0.1:0' };
    return HubProcess.start({ settings: { ...this.#hubOptions.settings, ...ports } });
  }

  /** On the same data, which the former process must have left, with other settings. */
  async withOther(settings: HubProcessOptions['settings']): Promise<HubProcess> {
    const all = { ...this.#hubOptions.settings, ...settings };
    return HubProcess.start({ folder: this.hub.folder, settings: all });
  }

  wakePebble(): void {
    process.kill(this.pebble.program.pid, 'SIGCONT');
  }

  /** What a handshake for the name shows now; undefined: it is refused. */
  async shown(name: string, options: ConnectionOptions = {}): Promise<PeerCertificate | undefined> {
    const socket = connect({
      host: '127.0.0.1',
      port: this.hub.ports.https,
      servername: name,
      rejectUnauthorized: false,
      ...options,
    });
    try {
      await once(socket, 'secureConnect', { signal: AbortSignal.timeout(10_000) });
      return socket.getPeerCertificate();
    } catch {
      return undefined;
    } finally {
      socket.destroy();
    }
  }

  async stop(): Promise<void> {
    await this.hub.stop();
    await this.pebble.stop();
    await this.second?.stop();
    await this.#dns.stop();
  }
}

/** It answers for both domains, so that its authority needs no other DNS; and the hub asks nobody else either. */
function responderSettings(place: string): Readonly<Record<string, string>> {
  return {
    HUB_DNS_PROVIDER: 'responder',
    HUB_DNS_RESPONDER_ZONES: 'hub.localhost,phlix.localhost',
    HUB_DNS_RESPONDER_ADDRESSES: '127.0.0.1',
    HUB_DNS_RESPONDER_LISTEN: place,
    HUB_DNS_RESOLVERS: place,
    HUB_DNS_RESOLVERS_ONLY: '1',
  };
}

/** Each free a moment ago; all were held together, so that no two are one. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map(async (server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const ends = servers.map(async (server) => once(server.close(), 'close'));
  await Promise.all(ends);
  return ports;
}
