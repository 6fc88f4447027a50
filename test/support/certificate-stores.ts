// A kind of certificate store arrives; an empty one of it leaves, as two processes have it, with servers of several owners.

import { randomUUIDv7 } from 'node:crypto';

import type { CertificateStore } from '../../hub/certificates/life/certificate.ts';
import { PostgresCertificateStore } from '../../hub/db/certificate-store.ts';
import { sql } from '../../hub/db/drizzle.ts';
import { certificates } from '../../hub/db/schema.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { MemoryCertificateStore } from './memory-certificates.ts';
import { addOwners, TestStores } from './stores.ts';

export interface OpenCertificateStore {
  readonly store: CertificateStore;
  /** Of another process. */
  readonly another: CertificateStore;
  clear(): Promise<void>;
  /** A new server; owners are `operator` and `stranger`. Returns its id. */
  enrol(ownerId: string): Promise<string>;
  handOver(serverId: string, ownerId: string): Promise<void>;
  close(): Promise<void>;
}

export const certificateStoreKinds: Record<string, () => Promise<OpenCertificateStore>> = {
  memory: openMemory,
  ...Object.fromEntries(
    Object.entries(databaseKinds).map(([kind, open]) => [
      kind,
      async () => openPostgres(await open()),
    ]),
  ),
};

async function openPostgres(opened: TestDatabase): Promise<OpenCertificateStore> {
  const { queries } = opened.database;
  await addOwners(opened.database, 'stranger');
  const another = await opened.openAnother();
  const stores = new TestStores(opened.database);
  return {
    store: new PostgresCertificateStore(opened.database),
    another: new PostgresCertificateStore(another),
    clear: async () => void (await queries.delete(certificates)),
    enrol: async (ownerId) => (await stores.enrol({ ownerId })).server.id,
    handOver: async (serverId, ownerId) => {
      await queries.execute(sql`UPDATE servers SET owner_id = ${ownerId} WHERE id = ${serverId}`);
    },
    close: async () => {
      await another.close();
      await opened.close();
    },
  };
}

async function openMemory(): Promise<OpenCertificateStore> {
  const ownerOfServer = new Map<string, string>();
  const ownerOf = (serverId: string): string => ownerOfServer.get(serverId) ?? '';
  const store = new MemoryCertificateStore({ ownerOf });
  return {
    store,
    another: store,
    clear: async () => store.clear(),
    enrol: async (ownerId) => {
      const serverId = randomUUIDv7();
      ownerOfServer.set(serverId, ownerId);
      return serverId;
    },
    handOver: async (serverId, ownerId) => void ownerOfServer.set(serverId, ownerId),
    close: async () => undefined,
  };
}
