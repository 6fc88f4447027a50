// A resolver and two ports arrive; Debian's Pebble leaves, an ACME authority that looks for proofs there and forgets all when it stops.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { issueAuthority, issueLeaf } from '../../hub/certificates/issuance.ts';
import { partPath } from './parts.ts';
import { Program } from './program.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

export interface PebbleOptions {
  /** `127.0.0.1:5353`: where it looks all names up. */
  readonly dnsServer: string;
  /** Where it looks for http-01 and tls-alpn-01, in place of 80 and 443. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Key ids and their HMAC keys, base64url; with any of them nobody is served without. */
  readonly externalAccounts?: Readonly<Record<string, string>> | undefined;
  readonly rejectedNoncesPercent?: number | undefined;
  /** How often a name that was proved before is believed without another proof: 0 unless said. */
  readonly reusedProofsPercent?: number | undefined;
  readonly certificateLifeSeconds?: number | undefined;
  /** Of an earlier one: the address that accounts and certificates are kept by is then the same. */
  readonly port?: number | undefined;
}

export class Pebble {
  readonly directoryUrl: string;
  readonly port: number;
  /** PEM: the root that its own TLS certificate hangs on. */
  readonly trust: string;
  readonly program: Program;
  readonly #managementUrl: string;
  readonly #folder: TemporaryFolder;

  private constructor(
    program: Program,
    folder: TemporaryFolder,
    ports: { own: number; management: number },
    trust: string,
  ) {
    this.program = program;
    this.port = ports.own;
    this.directoryUrl = `https://localhost:${ports.own}/dir`;
    this.trust = trust;
    this.#managementUrl = `https://localhost:${ports.management}`;
    this.#folder = folder;
  }

  static async start(options: PebbleOptions): Promise<Pebble> {
    const folder = temporaryFolder('pebble');
    const ports = { own: options.port ?? (await freePort()), management: await freePort() };
    const trust = await writeOwnCertificate(folder.path);
    writeFileSync(join(folder.path, 'pebble.json'), settingsOf(options, folder.path, ports));
    const program = new Program({
      command: [
        partPath('pebble'),
        '-strict',
        '-config',
        join(folder.path, 'pebble.json'),
        '-dnsserver',
        options.dnsServer,
      ],
      env: {
        ...process.env,
        PEBBLE_VA_NOSLEEP: '1',
        PEBBLE_WFE_NONCEREJECT: String(options.rejectedNoncesPercent ?? 0),
        PEBBLE_AUTHZREUSE: String(options.reusedProofsPercent ?? 0),
      },
    });
    await program.waitForLine(/ACME directory available at/);
    return new Pebble(program, folder, ports, trust);
  }

  /** PEM of what it signs with: another one at each start. */
  async root(): Promise<string> {
    return this.#manage('/roots/0');
  }

  /** `Valid` or `Revoked`; the serial as hexadecimal digits. */
  async statusOf(serial: string): Promise<string> {
    const answer = await this.#manage(`/cert-status-by-serial/${serial.toLowerCase()}`);
    return (JSON.parse(answer) as { Status: string }).Status;
  }

  async stop(): Promise<void> {
    await this.program.stop();
    this.#folder.remove();
  }

  async #manage(path: string): Promise<string> {
    const request = get(`${this.#managementUrl}${path}`, { ca: this.trust, agent: false });
    const [answer] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    return text(answer);
  }
}

/** It takes no port 0. Between here and its start another program may take the port: then it says so and the test fails. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function writeOwnCertificate(folder: string): Promise<string> {
  const now = new Date();
  const root = await issueAuthority(['localhost'], now);
  const { certificate, key } = await issueLeaf(root, ['localhost'], now);
  writeFileSync(join(folder, 'cert.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key);
  return root.certificate;
}

function settingsOf(
  options: PebbleOptions,
  folder: string,
  ports: { own: number; management: number },
): string {
  const accounts = options.externalAccounts ?? {};
  return JSON.stringify({
    pebble: {
      listenAddress: `127.0.0.1:${ports.own}`,
      managementListenAddress: `127.0.0.1:${ports.management}`,
      certificate: join(folder, 'cert.pem'),
      privateKey: join(folder, 'key.pem'),
      httpPort: options.httpPort,
      tlsPort: options.tlsPort,
      ocspResponderURL: '',
      externalAccountBindingRequired: Object.keys(accounts).length > 0,
      externalAccountMACKeys: accounts,
      ...(options.certificateLifeSeconds === undefined
        ? {}
        : { certificateValidityPeriod: options.certificateLifeSeconds }),
    },
  });
}
