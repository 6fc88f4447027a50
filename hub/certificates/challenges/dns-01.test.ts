import { createHash } from 'node:crypto';

import { describe, expect, test, vi } from 'vitest';

import { MemoryChallengeStore } from '../../../test/support/memory-certificates.ts';
import { DnsError } from '../dns/failure.ts';
import type { DnsProvider, TxtRecord } from '../dns/provider.ts';
import { type Aliases, DnsSolver, type Visibility } from './dns-01.ts';
import type { Challenge } from './solver.ts';

const never = new AbortController().signal;
const asked: Challenge = {
  kind: 'dns-01',
  name: 'films.example',
  token: 'token',
  keyAuthorization: 'token.thumb',
};
const value = createHash('sha256').update('token.thumb').digest('base64url');

class Zone implements DnsProvider, Aliases, Visibility {
  readonly name = 'zone';
  readonly records: string[] = [];
  alias = '_acme-challenge.films.example';
  failure: Error | undefined;
  waitedFor: TxtRecord | undefined;

  async followAlias(): Promise<string> {
    return this.alias;
  }

  async add({ name, value }: TxtRecord): Promise<void> {
    this.records.push(`${name} ${value}`);
    if (this.failure !== undefined) throw this.failure;
  }

  async remove({ name, value }: TxtRecord): Promise<void> {
    const at = this.records.indexOf(`${name} ${value}`);
    if (at >= 0) this.records.splice(at, 1);
  }

  async waitFor(record: TxtRecord): Promise<void> {
    this.waitedFor = record;
  }
}

function solverOf(zone: Zone, store = new MemoryChallengeStore()): DnsSolver {
  return new DnsSolver({ provider: zone, aliases: zone, visibility: zone, store });
}

describe('a dns-01 proof', () => {
  test('is the digest at the name of the challenge, waited for, and taken away again', async () => {
    const zone = new Zone();
    const solver = solverOf(zone);
    await solver.present(asked, never);
    expect(zone.records).toEqual([`_acme-challenge.films.example ${value}`]);
    await solver.wait(asked, never);
    expect(zone.waitedFor).toMatchObject({ name: '_acme-challenge.films.example', value });
    await solver.cleanUp(asked);
    expect(zone.records).toEqual([]);
  });

  test('goes where a CNAME leads, and is taken away there though the CNAME has changed', async () => {
    const zone = new Zone();
    zone.alias = 'films.acme.example';
    const solver = solverOf(zone);
    await solver.present(asked, never);
    expect(zone.records).toEqual([`films.acme.example ${value}`]);
    zone.alias = 'elsewhere.example';
    await solver.cleanUp(asked);
    expect(zone.records).toEqual([]);
  });

  test('that a process which died left in the zone is taken away by the next one, and no other', async () => {
    const [zone, store] = [new Zone(), new MemoryChallengeStore()];
    const wildcard = { ...asked, token: 'other', keyAuthorization: 'other.thumb' };
    const strangers = { ...asked, token: 'strange', keyAuthorization: 'strange.elsewhere' };
    for (const left of [asked, wildcard]) await solverOf(zone, store).present(left, never);
    await solverOf(zone, store).present(strangers, never);
    const next = solverOf(zone, store);
    const challenges = ['a', 'b'].map((token) => ({
      ...asked,
      token,
      keyAuthorization: `${token}.thumb`,
    }));
    for (const challenge of challenges) await next.present(challenge, never);
    // The stranger's and the two of this order: apex and wildcard stand at one name.
    expect(zone.records).toHaveLength(3);
    for (const challenge of challenges) await next.cleanUp(challenge);
    expect(zone.records).toHaveLength(1);
    expect(await store.listByName('dns-01', asked.name)).toEqual([strangers]);
  });

  test('that could not be taken away stays on record', async () => {
    const [zone, store] = [new Zone(), new MemoryChallengeStore()];
    const solver = solverOf(zone, store);
    await solver.present(asked, never);
    const failure = new DnsError('dns.unreachable', 'no answer');
    const remove = vi.spyOn(zone, 'remove').mockRejectedValueOnce(failure);
    await expect(solver.cleanUp(asked)).rejects.toBe(failure);
    expect(await store.listByName('dns-01', asked.name)).toEqual([asked]);
    remove.mockRejectedValueOnce(failure);
    const next = { ...asked, token: 'next', keyAuthorization: 'next.thumb' };
    await solver.present(next, never);
    expect(await store.listByName('dns-01', asked.name)).toEqual([asked, next]);
    const last = { ...asked, token: 'last', keyAuthorization: 'last.thumb' };
    await solver.present(last, never);
    expect(await store.listByName('dns-01', asked.name)).toEqual([next, last]);
    expect(zone.records).toHaveLength(2);
  });

  test('whose provider failed half way is taken away too', async () => {
    const zone = new Zone();
    zone.failure = new DnsError('dns.unreachable', 'no answer');
    const solver = solverOf(zone);
    await expect(solver.present(asked, never)).rejects.toBe(zone.failure);
    await solver.cleanUp(asked);
    expect(zone.records).toEqual([]);
  });

  test('that was never presented costs its provider nothing', async () => {
    const zone = new Zone();
    await solverOf(zone).cleanUp(asked);
    await solverOf(zone).wait(asked, never);
    expect(zone.waitedFor).toBeUndefined();
  });
});
