import { expect, test } from 'vitest';

import { memoryGuardStore } from '../../../test/support/memory-guard-store.ts';
import { noAudit } from '../../audit/audit.ts';
import { AccountError } from '../account-error.ts';
import { defaultAccountLimits } from '../limits.ts';
import { Guard } from './guard.ts';
import { SecretDoor } from './secret-door.ts';

const { addressFailures: allowed } = defaultAccountLimits;
const locked = { code: 'login.locked' };
const stranger = { address: '192.0.2.7', userAgent: undefined };

function stage(): SecretDoor {
  return new SecretDoor({
    guard: new Guard({ store: memoryGuardStore(), limits: defaultAccountLimits }),
    browsers: { isSomebodys: async (secret) => secret === 'known' },
    audit: noAudit,
    counts: { login: () => undefined },
  });
}

async function refused(): Promise<never> {
  throw new AccountError('account.link', 'dead');
}

async function weak(): Promise<never> {
  throw new AccountError('account.password-weak', 'too short');
}

async function look(): Promise<string> {
  return 'in';
}

test('lets a browser that somebody has signed in with in, though its neighbours guessed', async () => {
  const door = stage();
  for (let count = 0; count < allowed; count++)
    await expect(door.pass('reset-link', stranger, refused)).rejects.toThrow('dead');
  await expect(door.pass('reset-link', stranger, look)).rejects.toMatchObject(locked);
  await expect(
    door.pass('reset-link', { ...stranger, browser: 'planted' }, look),
  ).rejects.toMatchObject(locked);
  expect(await door.pass('reset-link', { ...stranger, browser: 'known' }, look)).toBe('in');
});

test('counts neither what opens something nor what is refused for something else', async () => {
  const door = stage();
  for (let count = 0; count <= allowed; count++) {
    await expect(door.pass('setup', stranger, weak)).rejects.toThrow('too short');
    expect(await door.pass('setup', stranger, async () => count)).toBe(count);
  }
});
