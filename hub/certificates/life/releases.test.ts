import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  CertificateLife,
  dayMs,
  hourMs,
  minuteMs,
  secondAuthority,
  wishFor,
} from '../../../test/support/certificate-life.ts';
import { AcmeError } from '../acme/problem.ts';

let life: CertificateLife;

beforeEach(async () => {
  life = await CertificateLife.open();
});

afterEach(async () => {
  await life.stop();
});

const unreachable = async (): Promise<never> => {
  throw new AcmeError('acme.unreachable', 'Nobody answers there.');
};

describe('a certificate that nobody wishes for any more', () => {
  test('is revoked, and then its row and key are gone', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example'), wishFor('hub.example')]);
    await life.clock.run(minuteMs);
    await manager.wishFor([wishFor('hub.example')]);
    await life.clock.run(hourMs);
    expect(life.first.revoked).toHaveLength(1);
    expect(await life.only()).toMatchObject({ names: ['hub.example'] });
  });

  test('stays until the authority has heard of it, but not longer than it is valid', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.first.onRevoke = unreachable;
    await manager.wishFor([]);
    await life.clock.run(10 * dayMs);
    expect(await life.only()).toMatchObject({
      attempts: { lastError: { code: 'acme.unreachable' } },
    });
    await life.clock.run(82 * dayMs);
    expect(await life.store.list()).toEqual([]);
  });

  test('is neither revoked nor ordered again if the wish comes back in time', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    await manager.wishFor([]);
    await life.clock.run(10_000);
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(dayMs);
    expect(life.first.revoked).toEqual([]);
    expect(life.first.orders).toHaveLength(1);
    expect(await life.only()).toMatchObject({ releasedAt: undefined });
  });

  test('is had anew if it is wished for after that', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    await manager.wishFor([]);
    await life.clock.run(hourMs);
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    expect(life.first.orders).toHaveLength(2);
    expect((await life.only()).issued).toBeDefined();
  });

  test('is had anew if it is wished for in the middle of its revocation', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.first.onRevoke = async () => manager.wishFor([wishFor('films.example')]);
    await manager.wishFor([]);
    await life.clock.run(hourMs);
    expect(life.first.revoked).toHaveLength(1);
    const row = await life.only();
    expect(row).toMatchObject({ releasedAt: undefined, names: ['films.example'] });
    expect(row.issued?.chain).not.toBe(life.first.revoked[0]);
  });

  test('because the hub starts with other settings is kept for a week, and comes back with them', async () => {
    const labels = new Map([['server 1', 'movies']]);
    const right = [
      wishFor('hub.example'),
      wishFor('movies.films.example', { serverId: 'server 1' }),
    ];
    const wrong = [
      wishFor('hub.exmaple'),
      wishFor('movies.flims.example', { serverId: 'server 1' }),
    ];
    await (await life.manage()).wishFor(right, labels);
    await life.clock.run(minuteMs);
    const chains = (await life.store.list()).map(({ issued }) => issued?.chain);
    await life.stop();
    await (await life.manage()).wishFor(wrong, labels);
    await life.clock.run(6 * dayMs);
    const [line, another] = life.lines.filter(({ servedUntil }) => servedUntil !== undefined);
    expect([line?.['names'], another]).toEqual([
      ['hub.example', 'movies.films.example'],
      undefined,
    ]);
    await life.stop();
    const mended = await life.manage();
    await mended.wishFor(right, labels);
    await life.clock.run(30 * dayMs);
    const rows = await life.store.list();
    expect(rows.map(({ issued }) => issued?.chain)).toEqual(chains);
    expect([life.first.revoked, life.first.orders.length]).toEqual([[], 4]);
  });

  test('because of other settings is forgotten after a week, not revoked', async () => {
    await (await life.manage()).wishFor([wishFor('hub.example')]);
    await life.clock.run(minuteMs);
    await life.stop();
    await (await life.manage()).wishFor([]);
    await life.clock.run(7 * dayMs - hourMs);
    expect(await life.store.list()).toHaveLength(1);
    await life.clock.run(2 * hourMs);
    expect([await life.store.list(), life.first.revoked]).toEqual([[], []]);
  });

  test('is revoked at once when its server goes, whatever it was kept for', async () => {
    const wish = wishFor('movies.films.example', { serverId: 'server 1' });
    const labels = new Map([['server 1', 'movies']]);
    await (await life.manage()).wishFor([wish], labels);
    await life.clock.run(minuteMs);
    await life.stop();
    const manager = await life.manage();
    await manager.wishFor([], labels);
    await life.clock.run(dayMs);
    expect(life.first.revoked).toEqual([]);
    await manager.wishFor([], new Map());
    await life.clock.run(minuteMs);
    expect([await life.store.list(), life.first.revoked.length]).toEqual([[], 1]);
  });

  test('stands in while the one in its place cannot be had', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.second.onOrder = unreachable;
    // Its owner chose another authority.
    await manager.wishFor([wishFor('films.example', { authority: secondAuthority })]);
    await life.clock.run(3 * dayMs);
    expect(life.first.revoked).toEqual([]);
    expect(await life.store.list()).toHaveLength(2);
    life.second.onOrder = async () => {};
    await life.clock.run(2 * dayMs);
    expect(life.first.revoked).toHaveLength(1);
    expect((await life.only()).issued?.authority).toBe(secondAuthority);
  });

  test('stands in over a restart too', async () => {
    const own = { authority: secondAuthority, serverId: 'server 1' };
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example', { serverId: 'server 1' })]);
    await life.clock.run(minuteMs);
    life.second.onOrder = unreachable;
    await manager.wishFor([wishFor('films.example', own)]);
    // Past every grace, so that only what stands in its place keeps it.
    await life.clock.run(8 * dayMs);
    await life.stop();
    await (await life.manage()).wishFor([wishFor('films.example', own)]);
    await life.clock.run(hourMs);
    expect([life.first.revoked, (await life.store.list()).length]).toEqual([[], 2]);
  });

  test('that is a wildcard stands in until each server has one of its own', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('*.films.example')]);
    await life.clock.run(minuteMs);
    life.first.onOrder = unreachable;
    await manager.wishFor([wishFor('a.films.example'), wishFor('b.films.example')]);
    await life.clock.run(3 * dayMs);
    expect(life.first.revoked).toEqual([]);
    life.first.onOrder = async () => {};
    await life.clock.run(2 * dayMs);
    expect(life.first.revoked).toHaveLength(1);
    expect(await life.store.list()).toHaveLength(2);
  });

  test('by a process with other settings comes back to the one that wishes for it, untouched', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const { issued } = await life.only();
    for (let turn = 0; turn < 3; turn += 1) {
      await life.store.reconcile([], life.clock.now());
      await life.clock.run(2 * minuteMs);
    }
    expect([life.first.revoked, life.first.orders.length]).toEqual([[], 1]);
    const row = await life.only();
    expect([row.releasedAt, row.issued?.chain]).toEqual([undefined, issued?.chain]);
  });
});
