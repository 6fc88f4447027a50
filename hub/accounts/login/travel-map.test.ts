import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeEach, describe, expect, test } from 'vitest';

import { cityFile } from '../../../test/support/mmdb.ts';
import { hasParts, partPath } from '../../../test/support/parts.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { TravelMapFile } from './travel-map.ts';

const tokyo = { latitude: 35.68, longitude: 139.69, accuracyKm: 20, country: 'JP' };
const london = { latitude: 51.51, longitude: -0.13, accuracyKm: 100, country: 'GB' };
const cities = {
  '203.0.113.0/24': tokyo,
  '198.51.100.0/24': london,
  '2001:db8:1::/48': tokyo,
  '10.0.0.0/8': london,
};
const inTokyo = {
  spot: { latitude: 35.68, longitude: 139.69, accuracyKm: 20 },
  country: 'JP',
};

describe('a map of addresses', () => {
  let path: string;
  let map: TravelMapFile;
  const warnings: unknown[] = [];

  beforeEach(() => {
    path = join(temporaryFolder('map').path, 'city.mmdb');
    warnings.length = 0;
    const log = { info: () => undefined, warn: (facts: unknown) => void warnings.push(facts) };
    map = new TravelMapFile({ path, log: log as never });
  });

  test('knows where IPv4 and IPv6 are, and nothing of what is not on it', async () => {
    writeFileSync(path, cityFile(cities));
    expect(await map.find('203.0.113.7')).toEqual(inTokyo);
    expect(await map.find('2001:db8:1::7')).toEqual(inTokyo);
    expect(await map.find('192.0.2.1')).toBeUndefined();
    expect(await map.find('2001:db8:2::7')).toBeUndefined();
    expect(await map.look()).toMatchObject({ kind: 'read', type: 'GeoIP2-City-Test' });
  });

  test.skipIf(!hasParts('mmdblookup'))('is read alike by MaxMind’s own program', () => {
    writeFileSync(path, cityFile(cities));
    for (const ip of ['203.0.113.7', '2001:db8:1::7']) {
      const words = ['--file', path, '--ip', ip, 'location', 'longitude'];
      expect(execFileSync(partPath('mmdblookup'), words, { encoding: 'utf8' })).toContain('139.69');
    }
  });

  test('says nothing of addresses that are somebody’s own, whatever stands there', async () => {
    writeFileSync(path, cityFile(cities));
    for (const own of ['10.0.0.7', '127.0.0.1', '100.64.0.1', '169.254.1.1', 'fd00::1', '::1', 'x'])
      expect(await map.find(own)).toBeUndefined();
  });

  test('that is missing is no map, is told of once, and is taken up when it comes', async () => {
    expect(await map.find('203.0.113.7')).toBeUndefined();
    expect(await map.find('203.0.113.7')).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(await map.look()).toMatchObject({
      kind: 'broken',
      reason: expect.stringMatching('not there'),
    });
    writeFileSync(path, cityFile(cities));
    expect(await map.find('203.0.113.7')).toEqual(inTokyo);
  });

  test('that is replaced is read anew, by one that is damaged as by a better one', async () => {
    writeFileSync(path, cityFile(cities));
    expect(await map.find('203.0.113.7')).toEqual(inTokyo);
    writeFileSync(path, cityFile({ ...cities, '203.0.113.0/24': london }));
    // A second of the clock is the least that some file systems know.
    expect(await map.find('203.0.113.7')).toMatchObject({ country: 'GB' });
    const whole = cityFile(cities);
    const damaged = [
      Buffer.alloc(0),
      Buffer.from('no map'),
      whole.subarray(0, whole.length / 2),
      whole.subarray(whole.length / 2),
      Buffer.concat([Buffer.alloc(800, 0xff), whole.subarray(800)]),
    ];
    for (const [index, bytes] of damaged.entries()) {
      rmSync(path);
      writeFileSync(path, bytes);
      expect([index, await map.find('203.0.113.7')]).toEqual([index, undefined]);
      expect([index, (await map.look()).kind]).toEqual([index, 'broken']);
    }
    rmSync(path);
    writeFileSync(path, whole);
    expect(await map.find('203.0.113.7')).toEqual(inTokyo);
  });

  test('believes no place that is none', async () => {
    writeFileSync(
      path,
      cityFile({ '203.0.113.0/24': { ...tokyo, latitude: 91, country: 'jp\n', city: 'x\u202e' } }),
    );
    expect(await map.find('203.0.113.7')).toEqual({
      spot: undefined,
      country: undefined,
      city: undefined,
    });
  });

  test('is looked at once by whoever comes at once', async () => {
    writeFileSync(path, cityFile(cities));
    const all = await Promise.all(Array.from({ length: 20 }, async () => map.find('203.0.113.7')));
    expect(new Set(all.map((place) => place?.country))).toEqual(new Set(['JP']));
  });
});
