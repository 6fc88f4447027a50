// Stored proofs and names arrive; what an authority looks at leaves: a web server, a TLS door and a resolver that leads all names to them.

import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';

import { Proofs } from '../../hub/certificates/challenges/proofs.ts';
import type { ChallengeStore } from '../../hub/certificates/challenges/solver.ts';
import { createProofCertificate } from '../../hub/certificates/challenges/tls-alpn-01.ts';
import type { DnsProvider, TxtRecord } from '../../hub/certificates/dns/provider.ts';
import { TestDns } from './dns-server.ts';

const challengePath = '/.well-known/acme-challenge/';

export class ProvingGround {
  readonly dns: TestDns;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly #http: HttpServer;
  readonly #tls: TlsServer;

  private constructor(dns: TestDns, http: HttpServer, tls: TlsServer) {
    this.dns = dns;
    this.#http = http;
    this.#tls = tls;
    this.httpPort = (http.address() as AddressInfo).port;
    this.tlsPort = (tls.address() as AddressInfo).port;
  }

  /** All of `*.<domain>` and the domain itself lead here. */
  static async start(store: ChallengeStore, domain: string): Promise<ProvingGround> {
    const proofs = new Proofs({ store, makePair: createProofCertificate });
    const http = createHttpServer((request, response) => {
      const host = request.headers.host?.replace(/:\d+$/, '') ?? '';
      const token = request.url?.startsWith(challengePath)
        ? request.url.slice(challengePath.length)
        : '';
      void proofs.ofToken(host, token).then((body) => {
        response.writeHead(body === undefined ? 404 : 200).end(body);
      });
    });
    const tls = createTlsServer({
      ALPNProtocols: ['acme-tls/1'],
      SNICallback: (name, done) => {
        proofs.ofName(name).then(
          (context) => done(null, context),
          (error: unknown) => done(error as Error),
        );
      },
    });
    tls.on('tlsClientError', () => undefined);
    await once(http.listen(0, '127.0.0.1'), 'listening');
    await once(tls.listen(0, '127.0.0.1'), 'listening');
    const dns = await TestDns.start();
    for (const name of [domain, `*.${domain}`]) dns.set(name, 'A', '127.0.0.1');
    return new ProvingGround(dns, http, tls);
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    this.#tls.close();
    await this.dns.stop();
  }
}

/** Writes into the test's resolver, after a delay if the zone is a slow one. */
export class TestDnsProvider implements DnsProvider {
  readonly name = 'test';
  /** `_acme-challenge.films.example <value>`: all that were ever added. */
  readonly added: string[] = [];
  readonly #dns: TestDns;
  readonly #values = new Map<string, Set<string>>();
  readonly #delayMs: number;

  constructor(dns: TestDns, delayMs = 0) {
    this.#dns = dns;
    this.#delayMs = delayMs;
  }

  async add({ name, value }: TxtRecord): Promise<void> {
    this.added.push(`${name} ${value}`);
    this.#values.set(name, (this.#values.get(name) ?? new Set()).add(value));
    setTimeout(() => this.#publish(name), this.#delayMs);
  }

  async remove({ name, value }: TxtRecord): Promise<void> {
    this.#values.get(name)?.delete(value);
    this.#publish(name);
  }

  #publish(name: string): void {
    this.#dns.set(name, 'TXT', ...(this.#values.get(name) ?? []));
  }
}
