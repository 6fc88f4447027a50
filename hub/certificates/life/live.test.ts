import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  CertificateLife,
  dayMs,
  hourMs,
  minuteMs,
  secondAuthority,
  wishFor,
} from '../../../test/support/certificate-life.ts';
import { LiveCertificates } from './live.ts';
import type { CertificateManager } from './manager.ts';
import { KeyRing } from './sealing.ts';

let life: CertificateLife;
let manager: CertificateManager;
const opened: LiveCertificates[] = [];

beforeEach(async () => {
  life = await CertificateLife.open();
  manager = await life.manage();
});

afterEach(async () => {
  await life.stop();
  for (const live of opened.splice(0)) await live.stop();
});

async function open(keyRing = life.keyRing): Promise<LiveCertificates> {
  const { store, clock } = life;
  const { now, setTimer } = clock;
  const log = life.log();
  const live = await LiveCertificates.open({ store, keyRing, log, now, setTimer, pollMs: hourMs });
  opened.push(live);
  return live;
}

const namesOf = (live: LiveCertificates, name: string, kind?: 'ecdsa' | 'rsa') =>
  live.find(name, kind)?.names;

describe('live certificates', () => {
  test('serve what is stored, by exact name and by the wildcard one level up', async () => {
    const wildcard = wishFor('films.example', { names: ['*.films.example', 'films.example'] });
    await manager.wishFor([wildcard, wishFor('hub.example')]);
    await life.clock.run(minuteMs);
    const live = await open();
    expect(namesOf(live, 'hub.example')).toEqual(['hub.example']);
    expect(namesOf(live, 'movies.films.example')).toEqual(wildcard.names);
    expect(namesOf(live, 'films.example')).toEqual(wildcard.names);
    expect(live.find('a.b.films.example')).toBeUndefined();
    expect(live.find('example')).toBeUndefined();
    expect(live.find('')).toBeUndefined();
  });

  test('have a new one as soon as any process has stored it, and nothing to do for handshakes under way', async () => {
    const live = await open();
    expect(live.find('films.example')).toBeUndefined();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    const before = live.find('films.example');
    expect(before?.notAfter).toEqual(new Date(life.clock.now().getTime() - 1000 + 90 * dayMs));
    await life.clock.run(61 * dayMs);
    const after = live.find('films.example');
    expect(after?.notAfter.getTime()).toBeGreaterThan(before?.notAfter.getTime() ?? 0);
    expect(after?.context).not.toBe(before?.context);
  });

  test('are found by the next look where a notice was lost', async () => {
    const { store } = life;
    store.watch = async () => async () => {};
    const live = await open();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    expect(live.find('films.example')).toBeUndefined();
    await life.clock.run(hourMs);
    expect(live.find('films.example')).toBeDefined();
  });

  test('make a context once, however many visitors come', async () => {
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    const live = await open();
    const context = live.find('films.example')?.context;
    expect(context).toBeDefined();
    expect(live.find('films.example')?.context).toBe(context);
    // An answer about its renewal window changes the row, and not what is served.
    await life.clock.run(2 * dayMs);
    expect(live.find('films.example')?.context).toBe(context);
  });

  test('give the kind of key that was asked for, else the other', async () => {
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    const live = await open();
    expect(live.find('films.example', 'rsa')).toBeDefined();
    const ecdsa = live.find('films.example')?.context;
    await manager.wishFor([wishFor('films.example'), wishFor('films.example', { keyKind: 'rsa' })]);
    await life.clock.run(minuteMs);
    expect(live.find('films.example')?.context).toBe(ecdsa);
    expect(live.find('films.example', 'rsa')?.context).not.toBe(ecdsa);
  });

  test('give the name itself before a wildcard, and one that has ended after one that has not', async () => {
    const wildcard = wishFor('films.example', { names: ['*.films.example', 'films.example'] });
    // The one that lasts longest is not what counts.
    life.second.lifeMs = 45 * dayMs;
    await manager.wishFor([wildcard, wishFor('a.films.example', { authority: secondAuthority })]);
    await life.clock.run(minuteMs);
    const live = await open();
    expect(namesOf(live, 'a.films.example')).toEqual(['a.films.example']);
    life.second.onOrder = async () => {
      throw new Error('the second authority is gone');
    };
    await life.clock.run(50 * dayMs);
    expect(namesOf(live, 'a.films.example')).toEqual(wildcard.names);
  });

  test('serve the old authority’s until there is one of the new, and never one that was revoked', async () => {
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const live = await open();
    const old = live.find('films.example')?.context;
    life.second.lifeMs = 45 * dayMs;
    life.second.onOrder = async () => life.clock.sleep(hourMs / 4);
    await manager.wishFor([wishFor('films.example', { authority: secondAuthority })]);
    await life.clock.run(minuteMs);
    expect(live.find('films.example')?.context).toBe(old);
    life.first.onRevoke = async () => {
      throw new Error('the first authority is away');
    };
    await life.clock.run(hourMs / 4);
    // Though the old one lasts longer, and is not revoked yet.
    expect(await life.store.list()).toHaveLength(2);
    expect(live.find('films.example')?.context).not.toBe(old);
    life.first.onRevoke = async () => {};
    await life.clock.run(hourMs);
    expect(life.first.revoked).toHaveLength(1);
    expect(live.find('films.example')?.context).not.toBe(old);
    await manager.wishFor([]);
    await life.clock.run(hourMs);
    expect(live.find('films.example')).toBeUndefined();
  });

  test('are served by a handshake', async () => {
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    const live = await open();
    const server = createServer({
      SNICallback: (name, done) => done(null, live.find(name)?.context),
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, servername: 'films.example', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:films.example');
    socket.destroy();
    server.close();
  });
});

describe('with another HUB_SECRET_KEY', () => {
  test('nothing is served, and the start says why and what to do', async () => {
    await manager.wishFor([wishFor('films.example'), wishFor('hub.example')]);
    await life.clock.run(minuteMs);
    const wrong = await KeyRing.open({ secrets: ['a wrong one'], dataDir: '' });
    await expect(open(wrong)).rejects.toThrow(/None of the 2 stored keys .* set the former one/);
  });

  test('the former one beside it opens what it sealed', async () => {
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const both = await KeyRing.open({ secrets: ['a new one', 'the right one'], dataDir: '' });
    expect(namesOf(await open(both), 'films.example')).toEqual(['films.example']);
  });

  test('one row that does not open leaves the others served', async () => {
    await manager.wishFor([wishFor('films.example'), wishFor('hub.example')]);
    await life.clock.run(minuteMs);
    const [row] = await life.store.list();
    const lease = row && (await life.store.takeLease(row.id, minuteMs));
    if (row?.issued === undefined || lease === undefined) throw new Error('nothing was issued');
    const { issued, renewal } = row;
    const sealedKey = life.keyRing.seal('a key', 'another row');
    await life.store.saveIssued(lease, { ...issued, sealedKey }, renewal);
    const live = await open();
    expect(live.find(row.names[0] ?? '')).toBeUndefined();
    const served = ['films.example', 'hub.example'].filter((name) => live.find(name));
    expect(served).toHaveLength(1);
    expect(life.lines.map(({ msg }) => msg)).toContain('certificate cannot be opened');
  });

  test('a process that has the wrong one goes on serving what it could open before', async () => {
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const live = await open();
    const before = live.find('films.example')?.context;
    const row = await life.only();
    const lease = await life.store.takeLease(row.id, minuteMs);
    if (row.issued === undefined || lease === undefined) throw new Error('nothing was issued');
    const foreign = await KeyRing.open({ secrets: ['of another process'], dataDir: '' });
    const issued = { ...row.issued, sealedKey: foreign.seal('a key', row.id) };
    await life.store.saveIssued(lease, issued, row.renewal);
    await life.clock.run(1000);
    expect(before).toBeDefined();
    expect(live.find('films.example')?.context).toBe(before);
  });
});
