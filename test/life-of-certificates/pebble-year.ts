// Names and a certificate's life in seconds arrive; two hubs on one store keep them with a real Pebble, and what visitors saw meanwhile leaves.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createServer, type Server } from 'node:tls';

import { HttpSolver } from '../../hub/certificates/challenges/http-01.ts';
import { limitsOf } from '../../hub/certificates/life/budget.ts';
import { LiveCertificates } from '../../hub/certificates/life/live.ts';
import { CertificateManager } from '../../hub/certificates/life/manager.ts';
import { KeyRing } from '../../hub/certificates/life/sealing.ts';
import { createLogger } from '../../shared/log.ts';
import { AcmeCustomer } from '../support/acme-customer.ts';
import {
  MemoryCertificateStore,
  MemoryChallengeStore,
  MemoryOrderLog,
} from '../support/memory-certificates.ts';
import { Pebble } from '../support/pebble.ts';
import { ProvingGround } from '../support/proving-ground.ts';

export interface PebbleScenario {
  readonly names: number;
  readonly lifeSeconds: number;
  /** How often each name is to be renewed: twelve times is a year of certificates of 45 days. */
  readonly renewals: number;
  /** For so long Pebble stands still once, in the middle. */
  readonly pauseSeconds: number;
}

export interface PebbleYear {
  readonly orders: number;
  readonly failedOrders: number;
  readonly renewalsOfEach: number;
  readonly handshakes: number;
  /** What a visitor saw that he should not have: no certificate, one that had ended, another name's. */
  readonly faults: readonly string[];
  /** The least that was left of a certificate when a visitor was served it. */
  readonly shortestRestSeconds: number;
  readonly accounts: number;
  readonly seconds: number;
}

const domain = 'films.example';

export async function liveWithPebble(scenario: PebbleScenario): Promise<PebbleYear> {
  const challenges = new MemoryChallengeStore();
  const ground = await ProvingGround.start(challenges, domain);
  const pebble = await Pebble.start({
    dnsServer: ground.dns.server,
    httpPort: ground.httpPort,
    tlsPort: ground.tlsPort,
    certificateLifeSeconds: scenario.lifeSeconds,
  });
  try {
    return await live(scenario, { pebble, challenges });
  } finally {
    await pebble.stop();
    await ground.stop();
  }
}

async function live(
  scenario: PebbleScenario,
  { pebble, challenges }: { pebble: Pebble; challenges: MemoryChallengeStore },
): Promise<PebbleYear> {
  const beganAt = performance.now();
  const store = new MemoryCertificateStore();
  const orders = new MemoryOrderLog();
  const keyRing = await KeyRing.open({ secrets: ['a secret of the test'], dataDir: '' });
  const log = createLogger({ level: 'silent', name: 'pebble' });
  const customer = new AcmeCustomer(pebble, challenges);
  // A second each for fifty names is more than the pace that the hub sets itself with certificates of weeks.
  const quick = { ...limitsOf(pebble.directoryUrl), pace: { count: 100, periodMs: 10_000 } };
  const managers = [1, 2].map(() => {
    const authority = customer.authority({ keyRing });
    return new CertificateManager({
      store,
      orders,
      keyRing,
      log,
      authorities: new Map([[authority.name, authority]]),
      solverFor: () => new HttpSolver(challenges),
      limitsOf: () => quick,
    });
  });
  const certificates = await LiveCertificates.open({ store, keyRing, log });
  const visitor = await Visitor.open(certificates, await pebble.root());
  try {
    const names = Array.from({ length: scenario.names }, (_, index) => `s${index}.${domain}`);
    const wishes = names.map((name) => ({
      names: [name],
      keyKind: 'ecdsa' as const,
      authority: pebble.directoryUrl,
      challenge: 'http-01' as const,
      profile: undefined,
      serverId: undefined,
    }));
    for (const manager of managers) await manager.start();
    for (const manager of managers) await manager.wishFor(wishes);
    const renewalsOfEach = await watchNames(scenario, { names, visitor, pebble });
    const records = [...orders.records.values()];
    return {
      orders: records.length,
      failedOrders: records.filter(({ outcome }) => outcome === 'failed').length,
      renewalsOfEach,
      ...visitor.seen(),
      accounts: customer.accounts.byAuthority.size,
      seconds: Math.round((performance.now() - beganAt) / 1000),
    };
  } finally {
    await Promise.all(managers.map(async (manager) => manager.stop()));
    await certificates.stop();
    visitor.stop();
  }
}

/** Asks for each name again and again until all were renewed often enough; returns how often the slowest was. */
async function watchNames(
  { lifeSeconds, renewals, pauseSeconds }: PebbleScenario,
  { names, visitor, pebble }: { names: string[]; visitor: Visitor; pebble: Pebble },
): Promise<number> {
  // A renewal takes half of a life, and a slow machine may need as long again for the first ones.
  const deadline = performance.now() + (renewals + 4) * lifeSeconds * 1000;
  let isPaused = pauseSeconds === 0;
  for (;;) {
    for (const name of names) await visitor.visit(name);
    const fewest = Math.min(...names.map((name) => visitor.renewalsOf(name)));
    if (fewest >= renewals || performance.now() > deadline) return fewest;
    if (!isPaused && fewest >= renewals / 2) {
      isPaused = true;
      pebble.program.kill('SIGSTOP');
      setTimeout(() => pebble.program.kill('SIGCONT'), pauseSeconds * 1000);
    }
    await sleep(100);
  }
}

class Visitor {
  readonly #server: Server;
  readonly #root: string;
  /** By name: the serial numbers that were served. */
  readonly #serials = new Map<string, Set<string>>();
  readonly #faults: string[] = [];
  #handshakes = 0;
  #shortestRestMs = Infinity;

  static async open(certificates: LiveCertificates, root: string): Promise<Visitor> {
    const server = createServer({
      SNICallback: (name, done) => done(null, certificates.find(name)?.context),
    });
    server.on('tlsClientError', () => undefined);
    server.on('secureConnection', (socket) => socket.on('error', () => undefined).end());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Visitor(server, root);
  }

  private constructor(server: Server, root: string) {
    this.#server = server;
    this.#root = root;
  }

  /** A name that has never had a certificate is not served yet; from then on each visit has to succeed. */
  async visit(name: string): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, servername: name, ca: this.#root });
    const failure = await Promise.race([
      once(socket, 'secureConnect').then(() => undefined),
      once(socket, 'error').then(([error]: unknown[]) => String(error)),
    ]).catch(String);
    const { serialNumber, valid_to: end } = socket.getPeerCertificate();
    socket.on('error', () => undefined).destroy();
    const served = this.#serials.get(name);
    if (failure !== undefined) {
      if (served !== undefined) this.#faults.push(`${name}: ${failure}`);
      return;
    }
    this.#handshakes += 1;
    this.#shortestRestMs = Math.min(this.#shortestRestMs, Date.parse(end) - Date.now());
    this.#serials.set(name, (served ?? new Set()).add(serialNumber));
  }

  renewalsOf(name: string): number {
    return (this.#serials.get(name)?.size ?? 0) - 1;
  }

  seen(): Pick<PebbleYear, 'handshakes' | 'faults' | 'shortestRestSeconds'> {
    return {
      handshakes: this.#handshakes,
      faults: this.#faults,
      shortestRestSeconds: Math.round(this.#shortestRestMs / 100) / 10,
    };
  }

  stop(): void {
    this.#server.close();
  }
}
