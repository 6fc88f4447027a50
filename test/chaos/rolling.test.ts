import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { deploy, type Deployment } from '../support/deployment.ts';
import { print } from '../support/figures.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../support/postgres.ts';
import { Asker, type WayToAsk } from './visitors/asker.ts';
import { download } from './visitors/errands.ts';
import { type Door, doorOf, type Visit } from './visitors/visit.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 150_000 });

const waysToAsk: readonly WayToAsk[] = ['kept HTTP/1.1 connection', 'new connections', 'HTTP/2'];
/** Before, between and after: enough for some hundred requests each. */
const quietMs = 1000;
const rounds = 2;

/** Whether this kernel gives connections that no process has accepted yet to another listener of the port: hub/README.md. */
function movesQueued(): boolean {
  return readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() === '1';
}

describe.skipIf(!hasParts('postgresql'))('a hub that is replaced while it is asked', () => {
  let origin: Origin;
  let postgres: ThrowawayPostgres;
  let deployment: Deployment;
  let door: Door;

  beforeAll(async () => {
    [origin, postgres] = await Promise.all([startOrigin(), startPostgres()]);
    const settings = {
      HUB_DATABASE_URL: await postgres.createDatabase(),
      HUB_DRAIN_TIMEOUT: '60s',
    };
    deployment = await deploy({ originPort: origin.port, hub: { settings } });
    door = doorOf(deployment);
  }, 90_000);
  afterAll(async () => {
    await deployment?.stop();
    await origin?.stop();
    await postgres?.stop();
  });

  function films(): Visit[] {
    // As a camera records: nothing of it is in a buffer yet when the hub is replaced.
    const film = { bytes: 8_000_000, bytesPerMs: 1000 };
    return [
      download(door, film),
      download(door, { ...film, version: 'HTTP/2' }),
      download(door, { ...film, from: 1_000_003 }),
      download(door, { ...film, from: 1_000_003, version: 'HTTP/2' }),
    ];
  }

  test('twice in a row fails no request and cuts no film', async () => {
    const askers = waysToAsk.map((way) => new Asker(door, way));
    const visits: Visit[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const begun = films();
      visits.push(...begun);
      await Promise.all(begun.map((visit) => visit.moves(500_000)));
      const former = await deployment.hub.takeOver();
      await after(quietMs);
      expect(await former.end()).toBe(0);
    }
    const outcomes = await Promise.all(visits.map(({ outcome }) => outcome));
    await Promise.all(askers.map((asker) => asker.stop()));
    print('rolling', `${askers.map(({ asked }) => asked).join(', ')} requests answered`);
    expect(askers.flatMap(({ failed }) => failed)).toEqual([]);
    // One connection is kept at a time, and ends with its hub.
    const retried = askers.reduce((sum, asker) => sum + asker.retried, 0);
    expect(retried).toBeLessThanOrEqual(rounds);
    // Each has one connection at a time that may wait in the queue of a listener when it closes.
    const mayWait = movesQueued() ? 0 : rounds * askers.length;
    expect(askers.reduce((sum, { unaccepted }) => sum + unaccepted, 0)).toBeLessThanOrEqual(
      mayWait,
    );
    expect(outcomes.filter(({ end }) => end !== 'complete')).toEqual([]);
  });
});
