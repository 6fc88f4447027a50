import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';

/** What pages and the API do for admins, whoever has the machine does with a running hub beside. */
describe('from the command line', () => {
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

  const json = async (...words: string[]): Promise<Record<string, unknown>> => {
    const { exitCode, stdout, stderr } = await hub.run(...words, '--json');
    expect([words, exitCode, stderr]).toEqual([words, 0, '']);
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  const onRecord = async (event: string): Promise<unknown[]> => {
    const words = ['audit', 'list', '--actor', 'host', '--event', event];
    const { entries } = (await json(...words)) as { entries: { target: string }[] };
    return entries.map(({ target }) => target);
  };

  test('somebody is signed out, and everything about him is printed', async () => {
    await json('user', 'create', 'dora', '--password-file', passwordFile);
    const browser = new ApiClient(hub);
    const body = { username: 'dora', password };
    expect((await browser.ask('POST', '/api/v1/auth/login', { body })).status).toBe(200);
    const { logins } = (await json('user', 'logins', 'dora')) as { logins: { id: string }[] };
    expect(logins).toMatchObject([{ methods: ['password'], network: expect.any(String) }]);
    const [{ id } = { id: '' }] = logins;

    const file = await hub.run('user', 'export', 'dora');
    expect([file.exitCode, file.stderr]).toEqual([0, '']);
    expect(JSON.parse(file.stdout)).toMatchObject({
      account: { username: 'dora' },
      records: { logins: [{ id }] },
    });
    expect(file.stdout).not.toContain(password);
    expect(await onRecord('admin.account-exported')).toEqual(['dora']);

    const stray = await hub.run('user', 'sign-out', 'dora', 'any');
    expect([stray.exitCode, stray.stderr]).toEqual([65, expect.stringContaining('no login "any"')]);
    expect(await json('user', 'sign-out', 'dora', id)).toEqual({ ended: 1 });
    const status = async () => (await browser.ask('GET', '/api/v1/account')).status;
    await expect.poll(status, { timeout: 10_000 }).toBe(401);
    expect(await json('user', 'sign-out', 'dora', 'all')).toEqual({ ended: 0 });
    expect(await onRecord('login.ended')).toEqual([id]);
  }, 240_000);

  test('an invitation is listed without its link, and taken back', async () => {
    const invited = await json('user', 'invite', '--email', 'eli@example.org');
    const id = String(invited['id']);
    const listed = await json('user', 'invitations', 'list');
    expect(listed).toMatchObject({ invitations: [{ id, email: 'eli@example.org' }] });
    expect(JSON.stringify(listed)).not.toContain(String(invited['link']).split('#')[1]);
    expect(await json('user', 'invitations', 'withdraw', id)).toEqual({ id });
    expect(await json('user', 'invitations', 'list')).toEqual({ invitations: [] });
    const again = await hub.run('user', 'invitations', 'withdraw', id);
    expect([again.exitCode, again.stderr]).toEqual([65, expect.stringContaining('no such')]);
    expect(await onRecord('admin.invitation-withdrawn')).toEqual([id]);
  }, 240_000);

  test('whoever waits after failed sign-ins is listed, and may try again', async () => {
    const stranger = new ApiClient(hub);
    for (let n = 0; n < 10; n += 1) {
      const body = { username: `nobody${n}`, password };
      await stranger.ask('POST', '/api/v1/auth/login', { body });
    }
    const block = { kind: 'address', what: '127.0.0.1' };
    const { blocks } = await json('login-blocks', 'list');
    expect(blocks).toMatchObject([{ ...block, failures: 10 }]);
    expect(await json('login-blocks', 'open', block.kind, block.what)).toEqual(block);
    expect(await json('login-blocks', 'list')).toEqual({ blocks: [] });
    expect(await onRecord('ban.removed')).toEqual(['address 127.0.0.1']);
  }, 240_000);
});
