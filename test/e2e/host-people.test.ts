import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { HubProcess } from '../support/deployment.ts';

const password = 'kettle-orbit-willow-79';

/** Whoever has the machine can help everybody, with a running hub beside. */
describe('people, from the command line', () => {
  let hub: HubProcess;
  let passwordFile: string;

  beforeAll(async () => {
    hub = await HubProcess.start();
    passwordFile = join(hub.folder, 'password');
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  }, 120_000);
  afterAll(async () => {
    await hub?.stop();
    if (hub !== undefined) rmSync(hub.folder, { recursive: true, force: true });
  });

  async function json(...words: string[]): Promise<Record<string, unknown>> {
    const { exitCode, stdout, stderr } = await hub.run(...words, '--json');
    expect([words, exitCode, stderr]).toEqual([words, 0, '']);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  test('have their traffic counted and limited, and what is wrong is said', async () => {
    await json('user', 'create', 'eve', '--role', 'owner', '--password-file', passwordFile);
    expect(await json('usage', 'show', '--account', 'eve', '--days', '7')).toEqual({ items: [] });
    const set = ['--gigabytes', '500', '--megabits', '50', '--streams', '3'];
    const limits = { bytes_per_month: 5e11, megabits_per_second: 50, streams: 3 };
    expect(await json('usage', 'limits', '--account', 'eve', ...set)).toEqual(limits);
    const less = { ...limits, megabits_per_second: null };
    expect(await json('usage', 'limits', '--account', 'eve', '--megabits', 'none')).toEqual(less);
    expect(await json('usage', 'limits', '--account', 'eve')).toEqual(less);
    const { stdout } = await hub.run('usage', 'limits', '--account', 'eve');
    expect(stdout).toBe('Limits: 500 GB a month, 3 at once.\n');
    for (const words of [
      [],
      ['--account', 'eve', '--streams', '0'],
      ['--server', 'a', '--account', 'b'],
    ])
      expect(await hub.run('usage', 'limits', ...words)).toMatchObject({
        exitCode: 64,
        stderr: expect.stringMatching(/^phlix-hub: .*(name one of|whole number from 1)/),
      });
    const unknown = await hub.run('usage', 'show', '--server', 'nobody');
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      65,
      expect.stringContaining('There is no server "nobody"'),
    ]);
    await json('user', 'remove', 'eve');
  }, 120_000);

  test('are made, changed, helped and removed, and all of it is on record', async () => {
    const made = await json(
      'user',
      'create',
      'ann',
      '--role',
      'admin',
      '--password-file',
      passwordFile,
    );
    expect(made).toMatchObject({ username: 'ann', role: 'admin', state: 'active' });
    await json('user', 'create', 'bob', '--role', 'owner', '--password-file', passwordFile);
    // Whoever has the host made them: nobody came, and nobody was invited.
    const { entries: first } = (await json('audit', 'list')) as { entries: { event: string }[] };
    expect(first.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['admin.setup', 'admin.account-created']),
    );
    for (const event of ['login.ok', 'login.ended', 'admin.account-invited'])
      expect(first.map((entry) => entry.event)).not.toContain(event);
    expect(made['last_login_at']).toBeNull();
    const invited = await json('user', 'invite', '--role', 'member');
    expect(invited['link']).toMatch(/^https:\/\/hub\.localhost(:\d+)?\/invite#[\w-]{43}$/);
    expect(await json('user', 'list')).toMatchObject({
      users: [{ username: 'ann' }, { username: 'bob', role: 'owner' }],
    });
    expect(await json('user', 'set-role', 'bob', 'member')).toMatchObject({ role: 'member' });
    expect(await json('user', 'suspend', 'BOB')).toMatchObject({ state: 'suspended' });
    expect(await json('user', 'resume', 'bob')).toMatchObject({ state: 'active' });
    await json('user', 'reset-mfa', 'bob', '--reason', 'lost the phone');
    const again = await hub.run('user', 'reset-mfa', 'bob');
    expect(again.stdout).toContain('of bob are gone; the password stays.');
    await json('user', 'reset-password', 'bob', '--password-file', passwordFile);
    expect(await json('token', 'list', 'bob')).toEqual({ tokens: [] });
    expect(await json('token', 'revoke', 'bob', 'all')).toEqual({ revoked: 0 });
    await json('user', 'remove', 'bob');
    const { entries } = (await json('audit', 'list', '--actor', 'host')) as {
      entries: { event: string }[];
    };
    const events = new Set(entries.map(({ event }) => event));
    for (const event of [
      'admin.account-invited',
      'admin.role-changed',
      'admin.account-suspended',
      'admin.account-resumed',
      'admin.password-reset',
      'admin.account-removed',
    ])
      expect(events).toContain(event);
    const text = (await hub.run('audit', 'export')).stdout;
    for (const secret of [password, String(invited['link']).split('#')[1] ?? '-'])
      expect(text).not.toContain(secret);
  }, 120_000);

  test('hear that passwords are not off before they are taken for a while', async () => {
    const { stdout } = await hub.run('auth', 'local-login', '--for', '30m');
    expect(stdout).toMatch(/open until .*\. HUB_LOCAL_LOGIN is not off here/);
  }, 60_000);

  test.each([
    [['user', 'remove', 'nobody'], 65, /no account "nobody"/],
    [['user', 'set-role', 'ann', 'king'], 64, /Allowed choices/],
    [['user', 'set-role', 'ann', 'member'], 65, /admin/],
    [['user', 'create', 'eve', '--password-file', '/nonexistent'], 65, /No password can be read/],
    [['user', 'create', 'eve'], 64, /--password-file/],
    [['token', 'revoke', 'ann', 'none'], 65, /has no token "none"/],
    [['server', 'members', 'nothing'], 65, /no server "nothing"/],
    [['user', 'promote', 'ann'], 64, /unknown command/],
  ])(
    '%j is refused with what to do',
    async (words, code, sentence) => {
      const { exitCode, stderr } = await hub.run(...words);
      expect(stderr).toMatch(sentence);
      expect(exitCode).toBe(code);
    },
    60_000,
  );
});
