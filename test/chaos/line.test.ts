import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { freePort } from '../../infra/quickstart/ports.ts';
import { deploy } from '../support/deployment.ts';
import { homeWithNames } from '../support/home-with-names.ts';
import { hasNamespaces, Namespace } from '../support/namespace.ts';
import { enter } from './ledger.ts';
import { OriginProcess } from './origin-process.ts';
import { noResume, pingDeadlineMs, pingIntervalMs, Scene, shortPings } from './scene.ts';
import { doorOf } from './visitors/visit.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 120_000 });

const busyMs = 10_000;
const hubHost = 'hub.phlix.example';

describe.skipIf(!hasNamespaces())('a home behind a line', () => {
  let home: Namespace;
  let scene: Scene;

  beforeAll(async () => {
    home = new Namespace();
    const inside = homeWithNames(home, { [hubHost]: home.hostAddress });
    const origin = await OriginProcess.start(inside);
    const [https, tunnel] = [await freePort(), await freePort()];
    const publicUrl = `https://${hubHost}:${https}`;
    const deployment = await deploy({
      originPort: origin.port,
      hub: {
        settings: {
          ...shortPings,
          ...noResume,
          HUB_PUBLIC_URL: publicUrl,
          HUB_HTTPS_LISTEN: `${home.hostAddress}:${https}`,
          HUB_TUNNEL_LISTEN: `${home.hostAddress}:${tunnel}`,
          HUB_HTTP_LISTEN: 'off',
        },
      },
      agent: {
        settings: { PHLIX_HUB_URL: publicUrl, PHLIX_LOG_LEVEL: 'debug' },
        wrap: inside,
      },
    });
    const door = { ...doorOf(deployment), host: home.hostAddress };
    scene = new Scene(origin, deployment, door);
  }, 90_000);
  afterEach(() => scene.clear());
  afterAll(async () => {
    await scene.close();
    home.remove();
  });

  /** How often each end has said that its link is over. */
  function ends(): { hub: number; agent: number } {
    const { hub, agent } = scene.deployment;
    return {
      hub: hub.program.output.match(/"agent disconnected"/g)?.length ?? 0,
      agent: agent.program.output.match(/"code":"link\.(silent|lost)"/g)?.length ?? 0,
    };
  }

  /** Resolves when both ends have given the link up; with the milliseconds that each took. */
  async function bothNotice(before = ends(), from = performance.now()): Promise<number[]> {
    const noticed = async (end: 'hub' | 'agent'): Promise<number> => {
      const hasEnded = (): boolean => ends()[end] > before[end];
      await expect.poll(hasEnded, { interval: 10, timeout: 30_000 }).toBe(true);
      return performance.now() - from;
    };
    return Promise.all([noticed('hub'), noticed('agent')]);
  }

  test.each([
    ['both', 'silent line'],
    ['incoming', 'line silent towards the agent'],
    ['outgoing', 'line silent towards the hub'],
  ] as const)(
    'a drop of %s is noticed by both ends, and mended by the agent alone',
    async (direction, fault) => {
      const probe = scene.probe();
      const crowd = await scene.gather();
      const [noticed, offline] = [bothNotice(), probe.until((answer) => answer !== '200')];
      home.swallow(direction);
      const [[hubMs = 0, agentMs = 0], outcomes] = [await noticed, await crowd.outcomes()];
      await offline;
      home.restore();
      const recoveredMs = await probe.until((answer) => answer === '200', 60_000);
      const detectedMs = Math.max(hubMs, agentMs);
      enter({ fault, detectedMs, recoveredMs }, outcomes, probe);
      expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
      expect(probe.unexpected('200', 'tunnel.lost', 'tunnel.offline', 'cut')).toEqual([]);
      expect(detectedMs).toBeLessThan(pingIntervalMs + pingDeadlineMs + busyMs);
      await scene.isQuietAgain();
    },
  );

  test('an address that changes under running streams costs those streams and nothing else', async () => {
    const probe = scene.probe();
    const crowd = await scene.gather();
    const noticed = bothNotice();
    home.readdress();
    const [changedAt, outcomes] = [performance.now(), await crowd.outcomes()];
    const [hubMs = 0, agentMs = 0] = await noticed;
    await probe.until((answer) => answer === '200', 60_000);
    const recoveredMs = performance.now() - changedAt;
    const detectedMs = Math.max(hubMs, agentMs);
    enter({ fault: 'address of the home changes', detectedMs, recoveredMs }, outcomes, probe);
    expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
    expect(probe.unexpected('200', 'tunnel.lost', 'tunnel.offline', 'cut')).toEqual([]);
    await scene.isQuietAgain();
  });
});
