import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { onlineHostname, TestEdge } from '../support/edge.ts';
import { attacks } from './attacks/attacks.ts';
import { RawConnection } from './attacks/raw-connection.ts';
import type { Target } from './attacks/target.ts';
import { filmBytesPerSecond } from './film.ts';
import { complaintsOf, tableOf, type Ordeal } from './report.ts';
import { Watch } from './watch.ts';

const seconds = 0.5;

describe('an attack', () => {
  // Those that wait for a deadline of the hub take longer than a test may.
  const quick = [...attacks.keys()].filter((name) => !/second|handshake|connects/.test(name));
  it.each(quick)('of the kind "%s" ends, and harms nobody who comes then', async (name) => {
    await using edge = await TestEdge.start({
      origin: (request, response) => {
        request.resume();
        response.on('error', () => {});
        if (request.url === '/big') response.write(Buffer.alloc(1_000_000));
        else request.on('end', () => response.end());
      },
    });
    const ends = await attacks.get(name)?.(target(edge));
    expect(Object.values(ends ?? {}).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
    const request = `GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: close\r\n\r\n`;
    expect(await edge.raw(request)).toMatch(/^HTTP\/1\.1 200/);
  });
});

function target({ port }: TestEdge): Target {
  return { port, serverName: onlineHostname, seconds };
}

describe('a connection of an attacker', () => {
  it('tells the code of the goaway that ended it', async () => {
    await using edge = await TestEdge.start();
    const connection = await RawConnection.open(target(edge), {});
    // PUSH_PROMISE, which no client may send.
    await connection.write(Buffer.from('000004050400000001000000020000000000', 'hex'));
    await connection.over(5000);
    expect(connection.leave()).toMatch(/^goaway 1, /);
  });

  it('tells the alert that refused its name', async () => {
    await using edge = await TestEdge.start();
    const nobody = { ...target(edge), serverName: 'nobody.other.example' };
    expect((await RawConnection.open(nobody, {})).ending).toBe('alert 112');
  });
});

describe('a viewer', () => {
  it('counts the bytes, and the gap that is still open', async () => {
    const film = new PassThrough();
    const watch = new Watch(film);
    film.write(Buffer.alloc(filmBytesPerSecond));
    await expect.poll(() => watch.bytes).toBe(filmBytesPerSecond);
    expect(watch.second()).toMatchObject({
      bytes: filmBytesPerSecond,
      stalls: 0,
      isFrozen: false,
    });
    expect(watch.second().bytes).toBe(0);
    film.destroy();
    await expect.poll(() => watch.isOver).toBe(true);
  });
});

describe('the report', () => {
  const hub = {
    beforeMb: 100,
    peakMb: 120,
    afterMb: 110,
    heldMb: 50,
    loopP99Ms: 1,
    loopWorstMs: 2,
    descriptors: 30,
  };
  const viewer = {
    seconds: 3,
    stalls: 0,
    worstGapMs: 60,
    frozenSeconds: 0,
    newcomers: 6,
    newcomersRefused: 0,
    newcomerWorstMs: 20,
  };
  const calm: Ordeal = { name: 'PING flood', ends: {}, hub, viewer };
  const films = [{ name: 'h2', isExact: true, isCut: false }];
  const descriptors = { quietDescriptors: 30, endDescriptors: 31 };

  it('has a line for each attack', () => {
    expect(tableOf([calm]).split('\n')).toHaveLength(2);
  });

  it('complains of nothing when nobody noticed anything', () => {
    expect(complaintsOf([calm], films, descriptors)).toEqual([]);
  });

  it.each([
    ['stood still', [{ ...calm, viewer: { ...viewer, frozenSeconds: 2 } }], films, descriptors],
    ['took 800 MB more', [{ ...calm, hub: { ...hub, peakMb: 900 } }], films, descriptors],
    ['400 MB were not', [calm, { ...calm, hub: { ...hub, heldMb: 450 } }], films, descriptors],
    ['wrong bytes', [calm], [{ name: 'h2', isExact: false, isCut: false }], descriptors],
    ['was cut', [calm], [{ name: 'h2', isExact: true, isCut: true }], descriptors],
    ['not given back', [calm], films, { quietDescriptors: 30, endDescriptors: 300 }],
  ])('complains when something %s', (words, ordeals, seen, left) => {
    expect(complaintsOf(ordeals, seen, left).join()).toContain(words);
  });
});
