import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { deploy } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { connectionsOf, unsentBytes } from './descriptors.ts';
import { enter } from './ledger.ts';
import { Scene } from './scene.ts';
import { download, upload } from './visitors/errands.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 120_000 });

/** Below what one address may have open, 64. */
const leavers = 50;
const rounds = 4;
/** What a garbage collector may leave lying about on a busy machine: fifty streams that stay, windows full, take it in a round. */
const slackBytes = 96 * 2 ** 20;

let origin: Origin;
let scene: Scene;

beforeAll(async () => {
  origin = await startOrigin();
  scene = new Scene(origin, await deploy({ originPort: origin.port }));
}, 90_000);
afterEach(() => scene.clear());
afterAll(() => scene.close());

async function leaveTogether(): Promise<void> {
  const { door } = scene;
  const visits = scene.send(
    ...Array.from({ length: leavers }, (_, index) => {
      if (index % 10 === 0) return upload(door, index % 20 === 0 ? 'HTTP/1.1' : 'HTTP/2');
      const version = index % 2 === 0 ? 'HTTP/1.1' : 'HTTP/2';
      return download(door, { version, isChunked: index % 3 === 0 });
    }),
  );
  // Nobody reads on: whatever is under way is held by windows and buffers when they vanish.
  await Promise.all(
    visits.map(async (visit) => {
      await visit.moves(100_000);
      visit.hold();
    }),
  );
  for (const visit of visits) visit.leave();
}

async function streams(): Promise<number> {
  const { stdout } = await scene.deployment.agent.status('--json');
  return (JSON.parse(stdout) as { streams: number }).streams;
}

/** Resolves when the hub cannot write: bytes wait, and no more of them become less. */
async function hubIsBlocked(): Promise<void> {
  let [bytes, sinceMs] = [0, performance.now()];
  const isBlocked = (): boolean => {
    const now = unsentBytes(scene.deployment.hub.program.pid, scene.door.port);
    if (now !== bytes) [bytes, sinceMs] = [now, performance.now()];
    return bytes > 0 && performance.now() - sinceMs > 1000;
  };
  await expect.poll(isBlocked, { interval: 50, timeout: 30_000 }).toBe(true);
}

test.skipIf(!hasParts('curl'))(
  'a player over HTTP/2 that is killed while it takes nothing is noticed though the hub waits to write',
  async () => {
    const { hostname, port } = scene.door;
    const film = `https://${hostname}:${port}/content/film/${2 ** 42}`;
    const options = ['--silent', '--http2', '--output', '/dev/null'];
    const trust = ['--cacert', scene.deployment.hub.caFile];
    const resolve = ['--resolve', `${hostname}:${port}:127.0.0.1`];
    const player = new Program({
      command: [partPath('curl'), ...options, ...trust, ...resolve, film],
    });
    const asked = await vi.waitUntil(() => origin.seen.find(isCurls), { timeout: 20_000 });
    player.kill('SIGSTOP');
    await hubIsBlocked();
    const killedAt = performance.now();
    player.kill('SIGKILL');
    expect(await asked.closed).toBe(false);
    const detectedMs = performance.now() - killedAt;
    enter({ fault: 'kill -9 of a stopped player', detectedMs, recoveredMs: undefined }, []);
    expect(detectedMs).toBeLessThan(15_000);
    await scene.isQuietAgain();
  },
);

const isCurls = ({ fields }: Origin['seen'][number]): boolean =>
  fields.some((field) => field.startsWith('curl/'));

test('fifty visitors that vanish at once leave nothing behind at hub, agent and origin, however often', async () => {
  const { hub, agent } = scene.deployment;
  const resident: { hub: number; agent: number }[] = [];
  let recoveredMs = 0;
  for (let round = 0; round < rounds; round += 1) {
    await leaveTogether();
    const leftAt = performance.now();
    await scene.isQuietAgain();
    recoveredMs = Math.max(recoveredMs, performance.now() - leftAt);
    const [hubMemory, agentMemory] = [hub.program.memory(), agent.program.memory()];
    resident.push({ hub: hubMemory.bytes, agent: agentMemory.bytes });
  }
  enter({ fault: '50 visitors vanish', detectedMs: undefined, recoveredMs }, []);
  expect(await streams()).toBe(0);
  expect(connectionsOf(process.pid, origin.port)).toBe(0);
  expect(await Promise.all(origin.seen.map(({ closed }) => closed))).not.toContain(true);
  const [first, last] = [resident[0], resident.at(-1)];
  process.stdout.write(`resident memory by round: ${JSON.stringify(resident)}\n`);
  expect((last?.hub ?? 0) - (first?.hub ?? 0)).toBeLessThan(slackBytes);
  expect((last?.agent ?? 0) - (first?.agent ?? 0)).toBeLessThan(slackBytes);
});
