import {
  chownSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';

/** Through a whole hub: its doors, its database, its files and its commands. */
describe('the audit log of a running hub', () => {
  let hub: HubProcess;

  beforeAll(async () => {
    hub = await HubProcess.start();
  }, 90_000);
  afterAll(async () => {
    await hub.stop();
    rmSync(hub.folder, { recursive: true, force: true });
  });

  async function entries(...words: string[]): Promise<Record<string, unknown>[]> {
    const { stdout, stderr } = await hub.run('audit', 'list', '--json', ...words);
    expect(stderr).toBe('');
    return (JSON.parse(stdout) as { entries: Record<string, unknown>[] }).entries;
  }

  test('knows who did what, the hub and the command line in one chain', async () => {
    const token = await hub.createToken('--label', 'movies');
    await expect.poll(async () => entries(), { timeout: 20_000 }).toHaveLength(4);
    const bySeq = (await entries()).toSorted((a, b) => Number(a['seq']) - Number(b['seq']));
    const [opened, keyed, started, made] = bySeq;
    expect(keyed).toMatchObject({ event: 'key.created', actor: { name: 'system' } });
    expect(opened).toMatchObject({ event: 'segment.open', seq: 1 });
    expect(started).toMatchObject({ event: 'hub.started', actor: { name: 'system' } });
    expect(made).toMatchObject({
      event: 'server.token-created',
      actor: { name: 'host' },
      method: 'cli',
      target: token.slice(4, 12),
    });
    const { exitCode, stdout } = await hub.run('audit', 'verify');
    expect([exitCode, stdout]).toEqual([0, 'The log is whole: 4 lines in 1 file.\n']);
    const { stdout: csv } = await hub.run('audit', 'export', '--format', 'csv');
    expect(csv.split('\r\n')).toHaveLength(6);
    expect(
      csv + readFileSync(join(hub.folder, 'audit', 'audit-00000001.jsonl'), 'utf8'),
    ).not.toContain(token.slice(12));
  }, 60_000);

  test('says that it cannot look for what it does not know, rather than that nothing fits', async () => {
    const server = await hub.run('audit', 'list', '--server', 'nowhere');
    expect([server.exitCode, server.stderr]).toEqual([
      65,
      expect.stringContaining('There is no server "nowhere"'),
    ]);
    const address = await hub.run('audit', 'list', '--address', 'next door');
    expect([address.exitCode, address.stderr]).toEqual([
      64,
      expect.stringContaining('Write an IP address'),
    ]);
  }, 60_000);

  test('goes on after kill -9, and verify names a line that was changed', async () => {
    process.kill(hub.program.pid, 'SIGKILL');
    await hub.program.ended;
    await hub.startAgain();
    await expect
      .poll(async () => (await entries('--event', 'hub.started')).length, { timeout: 20_000 })
      .toBe(2);
    expect((await hub.run('audit', 'verify', '--json')).exitCode).toBe(0);
    const path = join(hub.folder, 'audit', 'audit-00000001.jsonl');
    const [text, { uid, gid }] = [readFileSync(path, 'utf8'), statSync(path)];
    writeFileSync(path, text.replace('"host"', '"HOST"'));
    chownSync(path, uid, gid);
    const { exitCode, stdout } = await hub.run('audit', 'verify');
    expect(exitCode).toBe(65);
    expect(stdout).toContain('audit-00000001.jsonl line 4: it was changed');
    writeFileSync(path, text);
    expect((await hub.run('audit', 'verify')).exitCode).toBe(0);
  }, 90_000);

  test('says that a command drained the hub, and auth.log goes on in a new file after SIGHUP', async () => {
    const authLog = join(hub.folder, 'auth.log');
    const guess = async (username: string): Promise<void> => {
      const body = { username, password: 'not the right one' };
      expect((await new ApiClient(hub).ask('POST', '/api/v1/auth/login', { body })).status).toBe(
        401,
      );
    };
    await guess('ann');
    await expect.poll(() => readFileSync(authLog, 'utf8')).toContain('user="ann"');
    renameSync(authLog, `${authLog}.1`);
    process.kill(hub.program.pid, 'SIGHUP');
    await expect.poll(() => existsSync(authLog), { timeout: 5000 }).toBe(true);
    await guess('eve');
    await expect.poll(() => readFileSync(authLog, 'utf8')).toContain('user="eve"');
    expect(readFileSync(authLog, 'utf8')).not.toContain('user="ann"');
    expect(readFileSync(`${authLog}.1`, 'utf8')).not.toContain('user="eve"');
    expect((await hub.run('drain')).exitCode).toBe(0);
    expect(await entries('--event', 'hub.draining')).toMatchObject([{ actor: { name: 'host' } }]);
    await hub.startAgain();
  }, 60_000);

  test.each([
    [['list', '--event', 'nonsense'], 64],
    [['list', '--since', 'yesterday'], 64],
    [['list', '--limit', '0'], 64],
    [['list', '--result', 'maybe'], 64],
    [['export', '--format', 'xml'], 64],
    [['list', 'everything'], 64],
  ])('%j is refused', async (words, code) => {
    const { exitCode, stderr } = await hub.run('audit', ...words);
    expect(exitCode).toBe(code);
    expect(stderr).toMatch(/phlix-hub: /);
  });
});
