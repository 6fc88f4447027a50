// A number of servers arrives; a hub leaves that gets its certificates by ACME and has them all: one for each server, or a wildcard for all of them.

import { randomUUIDv7 } from 'node:crypto';

import { wishSettings } from '../../hub/composition/acme.ts';
import type { CertificateWish } from '../../hub/certificates/life/certificate.ts';
import { KeyRing } from '../../hub/certificates/life/sealing.ts';
import { wishesOf, type NamedServer } from '../../hub/certificates/life/wishes.ts';
import { readConfig, type HubConfig } from '../../hub/config.ts';
import { wishDigest } from '../../hub/db/certificate-wishes.ts';
import { openDatabase, type Database } from '../../hub/db/connect.ts';
import { certificates, labels, servers } from '../../hub/db/schema.ts';
import { thisMachine } from '../../hub/process/machine.ts';
import { operatorId } from '../../hub/tunnels/token.ts';
import { createLogger } from '../../shared/log.ts';
import { startHub, type BenchHub } from './hub-with-agent.ts';
import { stampedName, type Mint } from './mint.ts';

type Coverage = 'wildcard' | 'each';

export interface LoadedHubOptions {
  readonly mint: Mint;
  readonly servers: number;
  readonly coverage: Coverage;
}

const dayMs = 86_400_000;

/** A row of certificates has some twenty values, and a statement of PostgreSQL 65,535. */
const rowsPerStatement = 1000;

/** Nobody listens there; nothing is due for a month, so nobody is asked. */
const authority = 'https://127.0.0.1:9/directory';

/** With dns-01 a hub has one wildcard for all servers, else a certificate for each. */
const challenges: Readonly<Record<Coverage, Readonly<Record<string, string>>>> = {
  wildcard: { HUB_DNS_PROVIDER: 'httpreq', HUB_DNS_HTTPREQ_URL: 'http://127.0.0.1:9' },
  each: { HUB_ACME_CHALLENGE: 'tls-alpn-01' },
};

export async function startLoadedHub(folder: string, options: LoadedHubOptions): Promise<BenchHub> {
  return startHub(folder, {
    tls: {
      HUB_TLS: 'acme',
      HUB_ACME_DIRECTORY: authority,
      HUB_ACME_AGREE_TERMS: '1',
      ...challenges[options.coverage],
    },
    isInspected: true,
    prepare: (environment) => load(readConfig(environment, thisMachine(environment)), options),
  });
}

/** Into the database before the hub is there, which would order what it does not find. */
async function load(config: HubConfig, options: LoadedHubOptions): Promise<void> {
  const log = createLogger({ level: 'error', name: 'bench' });
  const settings = { url: config.databaseUrl?.reveal(), dataDir: config.dataDir };
  const database = await openDatabase(settings, { purpose: 'hub', log });
  try {
    const named = await insertServers(database, options.servers);
    if (config.tls.kind !== 'acme') throw new Error('the hub was to have ACME');
    const wishes = wishesOf(wishSettings(config, config.tls), named, []);
    const keyRing = await KeyRing.open({ secrets: undefined, dataDir: config.dataDir });
    const rows: CertificateRow[] = [];
    for (const wish of wishes) rows.push(await rowFor(wish, options.mint, keyRing));
    for (const some of inPieces(rows)) await database.queries.insert(certificates).values(some);
  } finally {
    await database.close();
  }
}

async function insertServers({ queries }: Database, count: number): Promise<NamedServer[]> {
  const at = new Date();
  const named = Array.from({ length: count }, (_, index) => ({
    id: randomUUIDv7(),
    label: stampedName(index).split('.', 1)[0] ?? '',
    certificateKey: 'ecdsa' as const,
    authority: undefined,
  }));
  for (const some of inPieces(named)) {
    await queries
      .insert(servers)
      .values(
        some.map(({ id, label: name }) => ({ id, ownerId: operatorId, name, createdAt: at })),
      );
    await queries.insert(labels).values(
      some.map(({ id: serverId, label }) => {
        return { label, ownerId: operatorId, serverId, state: 'active' as const, claimedAt: at };
      }),
    );
  }
  return named;
}

type CertificateRow = typeof certificates.$inferInsert;

async function rowFor(
  wish: CertificateWish,
  mint: Mint,
  keyRing: KeyRing,
): Promise<CertificateRow> {
  const { names, keyKind, authority: issuer, challenge, serverId } = wish;
  const id = randomUUIDv7();
  const now = Date.now();
  const { certificate: chain, key } = await mint.issue(names, keyKind);
  return {
    id,
    wishKey: wishDigest(wish),
    names: [...names],
    keyKind,
    authority: issuer,
    challenge,
    serverId: serverId ?? null,
    ownerId: serverId === undefined ? null : operatorId,
    createdAt: new Date(now),
    chain,
    sealedKey: keyRing.seal(key, id),
    issuedBy: issuer,
    ariId: '',
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + 89 * dayMs),
    selectedAt: new Date(now + 59 * dayMs),
    askAgainAt: new Date(now + 30 * dayMs),
  };
}

function inPieces<Item>(items: readonly Item[]): Item[][] {
  const starts = Array.from({ length: Math.ceil(items.length / rowsPerStatement) }, (_, n) => n);
  return starts.map((n) => items.slice(n * rowsPerStatement, (n + 1) * rowsPerStatement));
}
