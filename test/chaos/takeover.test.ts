import { once } from 'node:events';
import { connect } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { freePort } from '../../infra/quickstart/ports.ts';
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.ts';
import { AgentProcess, deploy, type Deployment, HubProcess } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../support/postgres.ts';
import type { Program } from '../support/program.ts';
import { Asker, type WayToAsk } from './visitors/asker.ts';
import { download } from './visitors/errands.ts';
import { type Door, doorOf } from './visitors/visit.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 90_000 });

const waysToAsk: readonly WayToAsk[] = ['kept HTTP/1.1 connection', 'new connections', 'HTTP/2'];

let origin: Origin;
let postgres: ThrowawayPostgres;
const askers: Asker[] = [];

function ask(door: Door): void {
  askers.push(...waysToAsk.map((way) => new Asker(door, way)));
}

/** Why requests failed until now. */
async function failures(): Promise<string[]> {
  const asked = askers.splice(0);
  await Promise.all(asked.map((asker) => asker.stop()));
  return asked.flatMap(({ failed }) => failed);
}

afterEach(failures);

function linksOf({ program }: AgentProcess): number {
  return program.output.split('"link up"').length - 1;
}

describe.skipIf(!hasParts('postgresql'))('a take-over', () => {
  beforeAll(async () => {
    [origin, postgres] = await Promise.all([startOrigin(), startPostgres()]);
  });
  afterAll(async () => {
    await origin?.stop();
    await postgres?.stop();
  });

  describe('that fails', () => {
    let deployment: Deployment;
    /** Moves only when it is let: what a successor waits for. */
    let sleeper: AgentProcess;
    let door: Door;

    beforeAll(async () => {
      const HUB_DATABASE_URL = await postgres.createDatabase();
      const hub = { settings: { HUB_DATABASE_URL } };
      deployment = await deploy({ originPort: origin.port, hub });
      const token = await deployment.hub.createToken('--label', 'sleepy');
      sleeper = new AgentProcess({ hub: deployment.hub, originPort: origin.port, token });
      await sleeper.reachable();
      door = doorOf(deployment);
    });
    afterAll(async () => {
      sleeper?.program.kill('SIGCONT');
      await sleeper?.stop();
      await deployment?.stop();
    });

    /** Listens for agents, has one of them, and waits for the other. */
    async function successorMidWay(): Promise<Program> {
      const { hub, agent } = deployment;
      sleeper.program.kill('SIGSTOP');
      const linksBefore = linksOf(agent);
      const successor = hub.launchSuccessor();
      await expect
        .poll(() => linksOf(agent), { timeout: 60_000, interval: 20 })
        .toBeGreaterThanOrEqual(linksBefore + 2);
      return successor;
    }

    async function takesAgents(): Promise<void> {
      const socket = connect(deployment.hub.ports.tunnel, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    }

    test('because its process is killed fails no request, cuts no film, and the next one succeeds', async () => {
      const { hub, agent } = deployment;
      ask(door);
      const film = download(door, { bytes: 8_000_000, bytesPerMs: 1000 });
      await film.moves(100_000);
      const successor = await successorMidWay();
      successor.kill('SIGKILL');
      await hub.program.waitForLine(/"agents are taken again"/);
      sleeper.program.kill('SIGCONT');
      await takesAgents();
      await agent.program.waitForLine(/"link down, back to the former one"/);
      expect(await film.outcome).toMatchObject({ end: 'complete' });
      expect(await failures()).toEqual([]);
      await agent.stop();
      agent.startAgain();
      await agent.reachable();
      const former = await hub.takeOver();
      expect(await former.end()).toBe(0);
    });

    test('because another one is under way says so, and leaves that one alone', async () => {
      const { hub } = deployment;
      ask(door);
      const successor = await successorMidWay();
      const { exitCode, stderr } = await hub.run('start', '--take-over');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 75,
        stderr: expect.stringMatching(/takes the place of the hub .* already: wait/),
      });
      sleeper.program.kill('SIGCONT');
      const former = await hub.changeTo(successor);
      expect(await former.end()).toBe(0);
      expect(await failures()).toEqual([]);
    });

    test('because the running hub hangs says so in time, and takes nothing from it', async () => {
      const { hub } = deployment;
      hub.program.kill('SIGSTOP');
      const { exitCode, stderr } = await hub.run('start', '--take-over');
      hub.program.kill('SIGCONT');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 69,
        stderr: expect.stringMatching(/has not answered for 10 s: it hangs/),
      });
      await takesAgents();
      // Its agents took the line for dead meanwhile, and come back.
      await expect
        .poll(async () => await download(door, { bytes: 1000 }).outcome, { timeout: 10_000 })
        .toMatchObject({ end: 'complete' });
    });
  });

  describe('of a hub whose agent reaches 443 only', () => {
    let hub: HubProcess;
    let proxy: ConnectProxy;
    let agent: AgentProcess;
    let door: Door;
    let metricsPort: number;

    /** What the one process that serves them tells. */
    async function linksMeasured(): Promise<number> {
      const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
      return Number(/^phlix_hub_links (\d+)$/m.exec(await answer.text())?.[1]);
    }

    beforeAll(async () => {
      const port = await freePort();
      metricsPort = await freePort();
      // Of a name on this machine no proxy is asked for.
      const url = `https://hub.phlix.example:${port}`;
      const settings = {
        HUB_PUBLIC_URL: url,
        HUB_TENANT_DOMAIN: 'films.phlix.example',
        HUB_HTTPS_LISTEN: `127.0.0.1:${port}`,
        HUB_DATABASE_URL: await postgres.createDatabase(),
        HUB_METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
        // Three seconds are enough on a machine that does nothing else.
        HUB_RECONNECT_GRACE: '20s',
      };
      hub = await HubProcess.start({ settings });
      const { host } = new URL(url);
      proxy = await startConnectProxy({
        refuse: (authority) => (authority === host ? undefined : 403),
      });
      agent = new AgentProcess({
        hub: { url },
        originPort: origin.port,
        token: await hub.createToken('--label', 'movies'),
        settings: { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: undefined },
      });
      const [address = ''] = await agent.reachable();
      door = doorOf({ hub, address });
    });
    afterAll(async () => {
      await agent?.stop();
      proxy?.stop();
      await hub?.stop();
    });

    test('twice in a row fails no request, and waits for no agent that cannot come yet', async () => {
      ask(door);
      for (let round = 0; round < 2; round += 1) {
        const linksBefore = linksOf(agent);
        const former = await hub.takeOver();
        const moved = /"links":0,"moved":0,.*"agents moved to another hub"/;
        expect(former.output).toMatch(moved);
        await expect
          .poll(() => linksOf(agent), { timeout: 30_000 })
          .toBeGreaterThanOrEqual(linksBefore + 2);
        expect(await former.end()).toBe(0);
        // Waited for while the former had the port.
        await hub.program.waitForLine(/"metrics are served"/);
        await expect.poll(linksMeasured, { timeout: 30_000 }).toBe(2);
      }
      const asked = askers.reduce((sum, asker) => sum + asker.asked, 0);
      expect(asked).toBeGreaterThan(20);
      expect(await failures()).toEqual([]);
    });
  });
});
