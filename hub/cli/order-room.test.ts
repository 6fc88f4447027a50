import { randomUUIDv7 } from 'node:crypto';

import { expect, test } from 'vitest';

import { MemoryOrderLog } from '../../test/support/memory-certificates.ts';
import type { ManagedCertificate } from '../certificates/life/certificate.ts';
import { managedTable } from './certificate-words.ts';
import { waitingForAnother, withoutRoom } from './order-room.ts';

const now = new Date('2027-03-10T00:00:00Z');
const authority = 'https://acme-v02.api.letsencrypt.org/directory';
const dayMs = 24 * 60 * 60 * 1000;
const daysAgo = (days: number): Date => new Date(now.getTime() - days * dayMs);

function certificateOf(name: string, keyKind: 'ecdsa' | 'rsa' = 'ecdsa'): ManagedCertificate {
  return {
    id: randomUUIDv7(),
    names: [name],
    keyKind,
    authority,
    challenge: 'http-01',
    profile: undefined,
    serverId: undefined,
    createdAt: daysAgo(10),
    issued: undefined,
    renewal: { window: undefined, selectedAt: undefined, askAgainAt: undefined },
    attempts: { failures: 0, nextTryAt: undefined, lastError: undefined },
    releasedAt: undefined,
  };
}

async function order(orders: MemoryOrderLog, { id, names }: ManagedCertificate, at: Date) {
  const record = { certificateId: id, authority, names, at, kind: 'new' } as const;
  const look = { allSince: at, certificatesSince: at };
  const opened = await orders.open(record, look, () => undefined);
  if (typeof opened !== 'string') throw new Error('it was not admitted');
  return opened;
}

test('names that had four certificates this week have no room for another, and it is told until when', async () => {
  const orders = new MemoryOrderLog();
  const [movies, music] = [certificateOf('movies.example'), certificateOf('music.example')];
  for (const days of [6, 5, 4, 3]) {
    await orders.close(await order(orders, movies, daysAgo(days)), 'issued');
  }
  const stuck = await withoutRoom([movies, music], { orders }, now);
  expect(stuck).toEqual([
    {
      names: ['movies.example'],
      refusal: { limit: 'names:movies.example', notBefore: daysAgo(-1) },
    },
  ]);
});

test('the kind of key whose turn comes after another order is listed as waiting for it', async () => {
  const orders = new MemoryOrderLog();
  const [ecdsa, rsa] = [certificateOf('movies.example'), certificateOf('movies.example', 'rsa')];
  const other = certificateOf('music.example');
  await order(orders, ecdsa, new Date(now.getTime() - 1000));
  const waiting = await waitingForAnother([ecdsa, rsa, other], { orders }, now);
  expect([...waiting]).toEqual([rsa.id]);
  const lines = managedTable([ecdsa, rsa, other], { now, waiting }).split('\n');
  expect(lines.filter((line) => line.includes('waits for another order'))).toEqual([
    expect.stringMatching(/^movies\.example +rsa /),
  ]);
});
