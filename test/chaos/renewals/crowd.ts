// A number arrives; so many real hubs leave that share one database and one authority, with what is needed to look at both and to stop them.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ManagedCertificate } from '../../../hub/certificates/life/certificate.ts';
import { PostgresCertificateStore } from '../../../hub/db/certificate-store.ts';
import { type Database, openDatabase } from '../../../hub/db/connect.ts';
import { isNotNull, sql } from '../../../hub/db/drizzle.ts';
import { PostgresOrderLog } from '../../../hub/db/order-log.ts';
import { certificates } from '../../../hub/db/schema.ts';
import { AcmeFront } from '../../support/acme-front.ts';
import { silent } from '../../support/databases.ts';
import { HubProcess } from '../../support/deployment.ts';
import { TestDns } from '../../support/dns-server.ts';
import { Pebble } from '../../support/pebble.ts';
import { startPostgres, type ThrowawayPostgres } from '../../support/postgres.ts';
import { TestStores } from '../../support/stores.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { Balancer } from './balancer.ts';

const tenantDomain = 'tv.test';
const hubHost = 'hub.tv.test';

/** What all crowds of a suite share: it takes longer to start than they do. */
export class Town {
  readonly pebble: Pebble;
  readonly balancer: Balancer;
  readonly postgres: ThrowawayPostgres;
  readonly #dns: TestDns;

  static async start(): Promise<Town> {
    const [dns, balancer, postgres] = await Promise.all([
      TestDns.start(),
      Balancer.start(),
      startPostgres(),
    ]);
    dns.set(tenantDomain, 'A', '127.0.0.1');
    dns.set(`*.${tenantDomain}`, 'A', '127.0.0.1');
    // What this authority asks goes to whichever hub lives: each has to know the others' proofs.
    const ports = { httpPort: balancer.port, tlsPort: balancer.port };
    const pebble = await Pebble.start({ dnsServer: dns.server, ...ports });
    return new Town(pebble, { dns, balancer, postgres });
  }

  private constructor(
    pebble: Pebble,
    others: { dns: TestDns; balancer: Balancer; postgres: ThrowawayPostgres },
  ) {
    this.pebble = pebble;
    this.#dns = others.dns;
    this.balancer = others.balancer;
    this.postgres = others.postgres;
  }

  /** Accounts that the authority has made in its life. */
  accounts(): number {
    return [...this.pebble.program.output.matchAll(/There are now \d+ accounts in memory/g)].length;
  }

  async stop(): Promise<void> {
    await this.pebble.stop();
    await Promise.all([this.#dns.stop(), this.balancer.stop(), this.postgres.stop()]);
  }
}

export interface CrowdOptions {
  readonly town: Town;
  readonly hubs: number;
  /** Servers that have a name before the first hub starts. */
  readonly labels?: readonly string[];
  /** Before the first hub starts. */
  readonly prepare?: (crowd: Crowd) => Promise<void>;
}

export class Crowd {
  readonly front: AcmeFront;
  readonly database: Database;
  readonly store: PostgresCertificateStore;
  readonly orders: PostgresOrderLog;
  readonly stores: TestStores;
  readonly #hubs = new Map<string, HubProcess>();
  readonly #frozen = new Set<HubProcess>();
  readonly #town: Town;
  readonly #folder: TemporaryFolder;

  static async start({ town, hubs, labels = [], prepare }: CrowdOptions): Promise<Crowd> {
    const { directoryUrl, trust } = town.pebble;
    const front = await AcmeFront.start({ directoryUrl, trust });
    const url = await town.postgres.createDatabase();
    const settings = { url, dataDir: '/nonexistent' };
    const database = await openDatabase(settings, { purpose: 'command', log: silent });
    const crowd = new Crowd(town, front, database);
    for (const label of labels) await crowd.stores.enrol({ label });
    await prepare?.(crowd);
    await crowd.#startHubs(hubs, url);
    return crowd;
  }

  private constructor(town: Town, front: AcmeFront, database: Database) {
    this.#town = town;
    this.front = front;
    this.database = database;
    this.store = new PostgresCertificateStore(database);
    this.orders = new PostgresOrderLog(database);
    this.stores = new TestStores(database);
    this.#folder = temporaryFolder('crowd');
  }

  get hubs(): HubProcess[] {
    return [...this.#hubs.values()];
  }

  /** It says and does nothing any more, and a balancer sees that. */
  freeze(hub: HubProcess): void {
    this.#frozen.add(hub);
    hub.program.kill('SIGSTOP');
  }

  thaw(hub: HubProcess): void {
    hub.program.kill('SIGCONT');
    this.#frozen.delete(hub);
  }

  hubNamed(name: string): HubProcess | undefined {
    return this.#hubs.get(name);
  }

  /** The hub's own, or the server's of this label. */
  async certificate(label = 'hub'): Promise<ManagedCertificate | undefined> {
    const all = await this.store.list();
    return all.find(({ names }) => names.includes(`${label}.${tenantDomain}`));
  }

  /** How many are held, by the living or the dead. */
  async leases(): Promise<number> {
    const rows = await this.database.queries
      .select()
      .from(certificates)
      .where(isNotNull(certificates.leaseUntil));
    return rows.length;
  }

  /** As if the time that a dead holder's lease has left were over: the hubs hear of it as of any change of the row. */
  async passLease(certificateId: string): Promise<void> {
    await this.database.queries.execute(sql`
      UPDATE certificates SET lease_until = clock_timestamp() - interval '1 second'
      WHERE id = ${certificateId} AND lease_until > clock_timestamp()`);
    await this.database.queries.execute(
      sql`SELECT pg_notify('phlix_certificates', ${certificateId})`,
    );
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.hubs.map(async ({ program }) => {
        program.kill('SIGKILL');
        await program.ended;
      }),
    );
    this.#town.balancer.forget();
    await this.database.close();
    await this.front.stop();
    this.#folder.remove();
  }

  async #startHubs(count: number, databaseUrl: string): Promise<void> {
    const caFile = join(this.#folder.path, 'authority.pem');
    writeFileSync(caFile, this.front.trust);
    const settings = {
      HUB_PUBLIC_URL: `https://${hubHost}`,
      HUB_TENANT_DOMAIN: tenantDomain,
      HUB_DATABASE_URL: databaseUrl,
      HUB_SECRET_KEY: 'the same in every process of this hub',
      HUB_TLS: 'acme',
      HUB_ACME_AGREE_TERMS: '1',
      HUB_ACME_DIRECTORY: this.front.directoryUrl,
      HUB_ACME_CA_FILE: caFile,
      HUB_ACME_CHALLENGE: 'http-01',
    };
    this.#town.balancer.serve(() =>
      this.hubs.filter((hub) => !this.#frozen.has(hub)).map(({ ports }) => ports.http),
    );
    const names = Array.from({ length: count }, (_, number) => `hub-${number}`);
    const starts = names.map(async (name) => {
      // By this name the database shows whose connections they are.
      this.#hubs.set(name, await HubProcess.start({ settings: { ...settings, PGAPPNAME: name } }));
    });
    for (const start of await Promise.allSettled(starts)) {
      if (start.status === 'rejected') throw start.reason;
    }
  }
}
