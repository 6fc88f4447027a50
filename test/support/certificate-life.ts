// An authority that does what a test says arrives; managers that live by a virtual clock on one store leave.

import { generateKeyPairSync } from 'node:crypto';
import { Writable } from 'node:stream';

import type {
  Authority,
  AuthorityName,
  AuthorityOrder,
  RenewalInfo,
} from '../../hub/certificates/acme/authority.ts';
import type {
  CertificateWish,
  ManagedCertificate,
} from '../../hub/certificates/life/certificate.ts';
import {
  CertificateManager,
  type AttemptReport,
  type CertificateManagerOptions,
} from '../../hub/certificates/life/manager.ts';
import { KeyRing } from '../../hub/certificates/life/sealing.ts';
import { createLogger } from '../../shared/log.ts';
import { createLightAuthority, signLightLeaf } from './light-certificate.ts';
import { MemoryCertificateStore, MemoryOrderLog } from './memory-certificates.ts';
import { VirtualClock } from './virtual-clock.ts';

export const start = new Date('2027-03-01T00:00:00Z');
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

export const firstAuthority = 'https://first.authority.example/directory';
export const secondAuthority = 'https://second.authority.example/directory';

export function wishFor(name: string, change: Partial<CertificateWish> = {}): CertificateWish {
  return {
    names: [name],
    keyKind: 'ecdsa',
    authority: firstAuthority,
    challenge: 'http-01',
    profile: undefined,
    serverId: undefined,
    ...change,
  };
}

/** Signs what is asked, in no time, unless the test says otherwise. */
class ScriptedAuthority implements Authority {
  readonly name: AuthorityName;
  readonly orders: AuthorityOrder[] = [];
  readonly revoked: string[] = [];
  lifeMs = 90 * dayMs;
  /** Before an order is signed: may wait, or throw. */
  onOrder: (order: AuthorityOrder, signal: AbortSignal) => Promise<void> = async () => {};
  onRevoke: () => Promise<void> = async () => {};
  onAsk: () => Promise<RenewalInfo | undefined> = async () => undefined;
  readonly #clock: VirtualClock;
  readonly #ca;

  constructor(name: AuthorityName, clock: VirtualClock) {
    this.name = name;
    this.#clock = clock;
    this.#ca = createLightAuthority(name, clock.now());
  }

  async obtain(order: AuthorityOrder, _solver: unknown, signal: AbortSignal): Promise<string> {
    this.orders.push(order);
    await this.onOrder(order, signal);
    return this.sign(order.names, order.csr);
  }

  async renewalInfo(): Promise<RenewalInfo | undefined> {
    return this.onAsk();
  }

  async revoke(chain: string): Promise<void> {
    await this.onRevoke();
    this.revoked.push(chain);
  }

  sign(names: readonly string[], publicKey: Uint8Array): string {
    const notBefore = this.#clock.now();
    const notAfter = new Date(notBefore.getTime() + this.lifeMs);
    const serial = 0x1000_0000 + this.orders.length;
    const leaf = signLightLeaf(this.#ca, { names, publicKey, notBefore, notAfter, serial });
    return `${leaf}${this.#ca.certificate}`;
  }
}

export class CertificateLife {
  readonly clock = new VirtualClock(start);
  readonly store = new MemoryCertificateStore({ now: this.clock.now });
  readonly orders = new MemoryOrderLog();
  readonly first = new ScriptedAuthority(firstAuthority, this.clock);
  readonly second = new ScriptedAuthority(secondAuthority, this.clock);
  readonly reports: AttemptReport[] = [];
  /** Lines of the log, parsed. */
  readonly lines: Record<string, unknown>[] = [];
  readonly keyRing: KeyRing;
  readonly #managers: CertificateManager[] = [];

  static async open(): Promise<CertificateLife> {
    return new CertificateLife(await KeyRing.open({ secrets: ['the right one'], dataDir: '' }));
  }

  private constructor(keyRing: KeyRing) {
    this.keyRing = keyRing;
  }

  /** One process of the hub, started. */
  async manage(change: Partial<CertificateManagerOptions> = {}): Promise<CertificateManager> {
    const manager = new CertificateManager({
      store: this.store,
      orders: this.orders,
      keyRing: this.keyRing,
      authorities: new Map([this.first, this.second].map((one) => [one.name, one])),
      solverFor: (kind) => ({
        kind,
        present: async () => {},
        wait: async () => {},
        cleanUp: async () => {},
      }),
      createKeyAndCsr: async () => createPair(),
      now: this.clock.now,
      setTimer: this.clock.setTimer,
      random: () => 0,
      pollMs: 10 * minuteMs,
      log: this.log(),
      onAttempt: (report) => this.reports.push(report),
      ...change,
    });
    this.#managers.push(manager);
    await manager.start();
    return manager;
  }

  log() {
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        for (const line of chunk.toString().trim().split('\n')) this.lines.push(JSON.parse(line));
        done();
      },
    });
    return createLogger({ level: 'debug', name: 'test' }, sink);
  }

  async only(): Promise<ManagedCertificate> {
    const [row, another] = await this.store.list();
    if (row === undefined || another !== undefined) throw new Error('there is not exactly one');
    return row;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#managers.map(async (manager) => manager.stop()));
  }
}

/** The request is the public key alone. */
function createPair(): { key: string; csr: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { key, csr: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
}
