import { text } from 'node:stream/consumers';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { deploy, type Deployment } from '../support/deployment.ts';
import { type Jellyfin, startJellyfin } from '../support/jellyfin.ts';
import { spellings } from '../support/spellings.ts';
import { Visitor } from '../support/visitor.ts';

// Every command is a process of its own, beside other suites.
vi.setConfig({ testTimeout: 60_000 });

let jellyfin: Jellyfin;
let deployment: Deployment;
let visitor: Visitor;

beforeAll(async () => {
  jellyfin = await startJellyfin();
  deployment = await deploy({ originPort: jellyfin.port });
  visitor = new Visitor(deployment.address, deployment.hub.caFile);
});

afterEach(() => {
  jellyfin.seen.splice(0);
});

afterAll(async () => {
  visitor?.leave();
  await deployment?.stop();
  await jellyfin?.stop();
});

async function answerTo(path: string, method = 'POST'): Promise<{ status: number; body: string }> {
  const answer = await visitor.ask(path, { method });
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

async function set(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await deployment.hub.run(
    'servers',
    'set',
    'movies',
    ...words,
  );
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
}

/** The running hub hears of a change within a second. */
async function eventually(path: string, status: number): Promise<void> {
  await vi.waitFor(async () => expect((await answerTo(path)).status).toBe(status), {
    timeout: 1000,
    interval: 20,
  });
}

describe('a Jellyfin that restarts for whoever seems to sit at home', () => {
  test('does so for a caller beside it', async () => {
    const beside = await fetch(`http://127.0.0.1:${jellyfin.port}/System/Restart`, {
      method: 'POST',
    });
    expect(beside.status).toBe(204);
    expect(jellyfin.seen).toEqual(['POST /System/Restart']);
  });

  test('never hears of a visitor who asks for it', async () => {
    const { status, body } = await answerTo('/System/Restart');
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ code: 'edge.denied', entry: 'jellyfin.restart' });
    for (const path of [
      ...spellings('/System/Restart').values(),
      ...spellings('/metrics').values(),
    ])
      expect([path, (await answerTo(path)).status]).toEqual([path, 403]);
    expect(jellyfin.seen).toEqual([]);
    const logged = deployment.hub.program.output;
    expect(logged).toMatch(/"entry":"jellyfin\.restart","msg":"request denied"/);
    expect(logged).not.toContain('/System/Restart');
  });

  test('is watched as ever', async () => {
    for (const path of ['/System/Info/Public', '/web/index.html?x=/System/Restart', '/Users/Me'])
      expect((await answerTo(path, 'GET')).status).toBe(200);
    expect(jellyfin.seen).toHaveLength(3);
  });

  test('is opened by its owner entry by entry, on the running hub', async () => {
    expect(await set('lift=jellyfin.restart')).toMatch(/jellyfin\.restart +lifted/);
    await eventually('/System/Restart', 204);
    await expect(answerTo('/System/Shutdown')).resolves.toMatchObject({ status: 403 });
    await set('unlift=jellyfin.restart');
    await eventually('/System/Restart', 403);
  });

  test('is not measured by the lists of other products once it is known what it is', async () => {
    expect((await answerTo('/admin')).status).toBe(403);
    await set('product=jellyfin');
    await eventually('/admin', 200);
    expect((await answerTo('/System/Restart')).status).toBe(403);
    const { stdout } = await deployment.hub.run('servers', 'show', 'movies', '--json');
    const shown = JSON.parse(stdout) as { switches: object; deny_list: { entry: string }[] };
    expect(shown.switches).toEqual({
      http2: true,
      min_tls: '1.2',
      certificate: 'ecdsa',
      authority: 'first',
      product: 'jellyfin',
      lifted: [],
    });
    expect(shown.deny_list.every(({ entry }) => entry.startsWith('jellyfin.'))).toBe(true);
    expect(shown.deny_list).toContainEqual({ entry: 'jellyfin.restart', is_lifted: false });
  });
});
