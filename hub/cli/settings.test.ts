import { randomBytes } from 'node:crypto';

import { expect, test } from 'vitest';

import { hostCommand } from '../../test/support/host-command.ts';

const secret = randomBytes(32).toString('base64');
const run = hostCommand({ HUB_PUBLIC_URL: 'https://hub.example.org', HUB_SECRET_KEY: secret });

test('settings are told with whence they come, and of a secret only that it is set', async () => {
  const { exitCode, stdout, stderr } = await run('settings', 'list', '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  const { settings } = JSON.parse(stdout) as { settings: { name: string }[] };
  const shown = (wanted: string) => settings.find(({ name }) => name === wanted);
  const key = { name: 'HUB_SECRET_KEY', from: 'environment', value: null, is_secret: true };
  expect(shown('HUB_SECRET_KEY')).toEqual(key);
  expect(shown('HUB_PUBLIC_URL')).toMatchObject({ value: 'https://hub.example.org' });
  expect(shown('HUB_ADMIN_LISTEN')).toMatchObject({ from: 'default', value: null });
  expect(stdout).not.toContain(secret);
});

test('settings are a table for people', async () => {
  const { stdout } = await run('settings', 'list');
  expect(stdout).toMatch(/^HUB_SECRET_KEY +environment +\(secret\)$/m);
  expect(stdout).toMatch(/^HUB_PUBLIC_URL +environment +https:\/\/hub\.example\.org$/m);
  expect(stdout).not.toContain(secret);
});
