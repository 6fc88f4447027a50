import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { HubProcess, type CommandResult } from '../support/deployment.ts';
import { hostCommand } from '../support/host-command.ts';

let hub: HubProcess;
let run: (...words: string[]) => Promise<CommandResult>;

beforeAll(async () => {
  hub = await HubProcess.start();
  run = hostCommand({ HUB_DATA_DIR: hub.folder, HUB_TENANT_DOMAIN: 'phlix.localhost' });
  const passwordFile = join(hub.folder, 'password');
  writeFileSync(passwordFile, 'kettle-orbit-willow-79\n', { mode: 0o600 });
  await json('user', 'create', 'tia', '--role', 'owner', '--password-file', passwordFile);
}, 120_000);

afterAll(async () => hub?.stop());

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await run(...words, '--json');
  expect([words, exitCode, stderr]).toEqual([words, 0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('whoever has the host makes a token for a program, which is shown once', async () => {
  const words = ['token', 'create', 'tia', '--name', 'backup', '--scope'];
  const limits = ['--ttl', '30d', '--cidr', '127.0.0.0/8'];
  const made = await json(...words, 'servers:read', 'usage:read', ...limits);
  expect(made).toMatchObject({ name: 'backup', scopes: ['servers:read', 'usage:read'] });
  const client = new ApiClient(hub);
  const headers = { authorization: `Bearer ${String(made['token'])}` };
  expect((await client.ask('GET', '/api/v1/servers', { headers })).status).toBe(200);
  expect((await client.ask('GET', '/api/v1/admin/health', { headers })).status).toBe(403);
  const { stdout, stderr } = await run(...words, 'account:read');
  expect(stdout).toMatch(/^phx_pat_[\w-]+\n$/);
  expect(stderr).toContain('is not shown again');
  const listed = (await run('token', 'list', 'tia', '--json')).stdout;
  expect(listed).not.toContain(stdout.trim());
  expect(JSON.parse(listed)).toMatchObject({ tokens: [{}, { networks: ['127.0.0.0/8'] }] });
  expect((await run('audit', 'list', '--event', 'token.created')).stdout).toContain('host');
  for (const [option, wrong, exitCode] of [
    ['--scope', 'admin:write', 65],
    ['--scope', 'everything', 64],
    ['--ttl', '2', 64],
    ['--ttl', '2m', 65],
    ['--cidr', '0.0.0.0/0', 65],
  ] as const) {
    const scope = option === '--scope' ? [] : ['--scope', 'servers:read'];
    const command = ['token', 'create', 'tia', '--name', 'x', ...scope, option, wrong];
    expect([command, (await run(...command)).exitCode]).toEqual([command, exitCode]);
  }
});

test('whoever has the host says where notices go, and tries it', async () => {
  const heard: string[] = [];
  const chat = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => heard.push(text));
    request.on('end', () => response.writeHead(heard.length > 1 ? 500 : 204).end());
  }).listen(0, '127.0.0.1');
  await once(chat, 'listening');
  const { port } = chat.address() as AddressInfo;
  const addressFile = join(hub.folder, 'address');
  writeFileSync(addressFile, `http://127.0.0.1:${port}/hooks/canary\n`, { mode: 0o600 });
  const place = ['--address-file', addressFile, '--allow', '127.0.0.1'];
  const made = await json('notices', 'add', 'webhook', ...place, '--only', 'ban.added');
  expect(made).toMatchObject({ kind: 'webhook', kinds: ['ban.added'], is_enabled: true });
  expect(made['secret']).toMatch(/^[\w-]{43}$/);
  const id = String(made['id']);
  expect(await json('notices', 'test', id)).toMatchObject({ is_sent: true, reason: null });
  expect(JSON.parse(heard[0] ?? '')).toMatchObject({ kind: 'test' });
  const failed = await run('notices', 'test', id);
  expect([failed.exitCode, failed.stdout]).toEqual([69, expect.stringContaining('with 500')]);
  const listed = await run('notices', 'list');
  expect(listed.stdout).toMatch(
    /^KIND +WHERE +OF +LAST +ID\nwebhook +127\.0\.0\.1:\d+ +ban\.added/,
  );
  expect(listed.stdout).not.toMatch(/canary/);
  expect(await json('notices', 'list', '--account', 'tia')).toEqual({ items: [] });
  await json('notices', 'remove', id);
  for (const [words, exitCode] of [
    [['notices', 'test', id], 65],
    [['notices', 'add', 'ntfy'], 65],
    [['notices', 'add', 'pigeon', 'https://a.example'], 64],
    [['notices', 'add', 'ntfy', 'http://ntfy.example.org/topic'], 65],
    [['notices', 'add', 'webhook', 'https://a.example', '--allow', '::/0'], 65],
    [['notices', 'list', '--account', 'nobody'], 65],
  ] as const)
    expect([words, (await run(...words)).exitCode]).toEqual([words, exitCode]);
  const { stdout: noted } = await run('audit', 'list', '--event', 'notice.target-changed');
  expect(noted.match(/host/g)).toHaveLength(2);
  chat.close();
});
