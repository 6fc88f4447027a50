// A database, a certificate and times arrive as arguments; what this process did under the certificate's lease leaves on stdout, until it is killed.

import { setTimeout as after } from 'node:timers/promises';

import type { Lease } from '../../../hub/certificates/life/certificate.ts';
import { PostgresCertificateStore } from '../../../hub/db/certificate-store.ts';
import { openDatabase } from '../../../hub/db/connect.ts';
import { silent } from '../../support/databases.ts';

const [place = '', certificateId = '', leaseText = '', workText = ''] = process.argv.slice(2);
const [leaseMs, workMs] = [Number(leaseText), Number(workText)];
const settings = place.startsWith('/')
  ? { url: undefined, dataDir: place }
  : { url: place, dataDir: '/nonexistent' };
const database = await openDatabase(settings, { purpose: 'hub', log: silent });
const store = new PostgresCertificateStore(database);
say(`open ${database.serverPid ?? 'nothing of its own'}`);
for (;;) {
  // Whatever was under way when the database died: its fate is unknown.
  await count().catch(() => say('unsure 0'));
}

/** Reads a number, works for a while and writes the next one, as an order reads and replaces a certificate. */
async function count(): Promise<void> {
  const lease = await store.takeLease(certificateId, leaseMs);
  if (lease === undefined) {
    await after(5);
    return;
  }
  const failures = (await store.find(certificateId))?.attempts.failures ?? 0;
  say(`holds ${lease.fence}`);
  await work(lease);
  const next = { failures: failures + 1, nextTryAt: undefined, lastError: undefined };
  const isSaved = await store.saveAttempts(lease, next);
  say(`${isSaved ? 'saved' : 'refused'} ${lease.fence}`);
  await store.dropLease(lease);
}

async function work(lease: Lease): Promise<void> {
  const end = performance.now() + workMs;
  while (performance.now() < end) {
    await after(Math.min(workMs, leaseMs / 5));
    await store.extendLease(lease, leaseMs);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
