import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { newSecret } from '../../hub/accounts/secret.ts';
import { formatToken } from '../../hub/accounts/tokens/token-text.ts';
import { ApiClient, password, type ApiAnswer } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';

/** What security row A-10 lets one address try. */
const allowed = 10;

const wish = { username: 'mallory', password };
const doors = {
  setup: ['setup', '/setup', 'setup.token', (token: string) => ({ token, ...wish })],
  look: ['invitation', '/invitations/look', 'invite.invalid', (token: string) => ({ token })],
  accept: [
    'invitation',
    '/invitations/accept',
    'invite.invalid',
    (token: string) => ({ token, ...wish }),
  ],
  reset: [
    'reset-link',
    '/auth/password/reset',
    'account.link',
    (token: string) => ({ token, new_password: password }),
  ],
  verify: ['verify-link', '/auth/email/verify', 'account.link', (token: string) => ({ token })],
} as const;

let hub: HubProcess;
beforeAll(async () => {
  hub = await HubProcess.start();
}, 120_000);
afterAll(async () => hub.stop());

let strangers = 1;

/** Nobody has failed there yet. */
function stranger(): { client: ApiClient; address: string } {
  strangers += 1;
  const address = `127.0.7.${strangers}`;
  return { client: new ApiClient(hub, hub.ports.https, address), address };
}

async function guess(client: ApiClient, door: keyof typeof doors, secret = newSecret()) {
  const [, path, , bodyOf] = doors[door];
  return client.ask('POST', `/api/v1${path}`, { body: bodyOf(secret) });
}

async function bear(client: ApiClient, token: string): Promise<ApiAnswer> {
  const headers = { authorization: `Bearer ${token}` };
  return client.ask('GET', '/api/v1/account', { headers });
}

function strangeToken(): string {
  return formatToken({
    kind: 'personal',
    id: newSecret().slice(0, 8).replaceAll(/\W|_/g, 'x'),
    secret: newSecret(),
  });
}

function codesOf(answers: readonly ApiAnswer[]): unknown[] {
  return answers.map(({ json }) => json['code']);
}

async function times(count: number, ask: () => Promise<ApiAnswer>): Promise<ApiAnswer[]> {
  const answers: ApiAnswer[] = [];
  while (answers.length < count) answers.push(await ask());
  return answers;
}

/** The lines of auth.log about an address, as fail2ban's filter reads them. */
function linesOf(address: string): string[] {
  const text = readFileSync(join(hub.folder, 'auth.log'), 'utf8');
  return text.split('\n').filter((line) => line.includes(` ip=${address} user="`));
}

async function entriesOf(address: string): Promise<{ event: string; method: string }[]> {
  const { stdout } = await hub.run('audit', 'list', '--json', '--address', address);
  return (JSON.parse(stdout) as { entries: { event: string; method: string }[] }).entries;
}

function expectWait({ status, headers, json }: ApiAnswer): void {
  expect({ status, code: json['code'] }).toEqual({ status: 429, code: 'login.locked' });
  const seconds = Number(headers['retry-after']);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(15 * 60);
}

describe('wrong secrets', () => {
  // A hub that nobody has set up yet comes first: the other doors are open then as well.
  test.each(Object.keys(doors) as (keyof typeof doors)[])(
    'at the door "%s" are ten, then their address waits at every door; log and audit know',
    async (door) => {
      const [kind, , refusal] = doors[door];
      const { client, address } = stranger();
      const sent = newSecret();
      const first = await guess(client, door, sent);
      const answers = [first, ...(await times(allowed - 1, async () => guess(client, door)))];
      expect(codesOf(answers)).toEqual(Array.from({ length: allowed }, () => refusal));
      expectWait(await guess(client, door));
      const login = { username: 'nobody', password: 'a guess of mine' };
      expectWait(await client.ask('POST', '/api/v1/auth/login', { body: login }));
      const failed = `event=login.failed ip=${address} user="" reason=${kind} rid=`;
      await expect
        .poll(() => linesOf(address).filter((line) => line.includes(failed)).length)
        .toBe(allowed);
      expect(linesOf(address).join('\n')).not.toContain(sent);
      await expect
        .poll(async () => entriesOf(address), { timeout: 30_000, interval: 500 })
        .toHaveLength(allowed + 2);
      const entries = await entriesOf(address);
      expect(entries.filter(({ event }) => event === 'login.failed')).toHaveLength(allowed);
      expect(JSON.stringify(entries)).not.toContain(sent);
    },
    60_000,
  );
});

describe('bearers that open nothing', () => {
  test('are ten of an address, then it waits; log and audit know, and its people sign in as before', async () => {
    const { client, address } = stranger();
    const malformed = await bear(client, 'phx_pat_not-even-one');
    const unknown = await times(allowed - 1, async () => bear(client, strangeToken()));
    expect(codesOf([malformed, ...unknown])).toEqual(
      Array.from({ length: allowed }, () => 'token.invalid'),
    );
    expectWait(await bear(client, strangeToken()));
    const login = { username: 'nobody', password: 'a guess of mine' };
    const signIn = await client.ask('POST', '/api/v1/auth/login', { body: login });
    expect(signIn.json['code']).toBe('login.failed');
    await expect
      .poll(() => linesOf(address).filter((line) => line.includes('event=token.denied')))
      .toHaveLength(allowed);
    expect(linesOf(address)[0]).toContain('reason=malformed');
    expect(linesOf(address)[1]).toContain('reason=unknown');
    await expect
      .poll(
        async () => (await entriesOf(address)).filter(({ event }) => event === 'token.denied'),
        {
          timeout: 30_000,
          interval: 500,
        },
      )
      .toHaveLength(allowed);
  }, 60_000);

  test('of one program that repeats itself shut out itself, and nobody beside it', async () => {
    const { client, address } = stranger();
    const token = strangeToken();
    const answers = await times(allowed, async () => bear(client, token));
    expect(codesOf(answers)).toEqual(Array.from({ length: allowed }, () => 'token.invalid'));
    expectWait(await bear(client, token));
    expect((await bear(client, strangeToken())).json['code']).toBe('token.invalid');
    await expect.poll(() => linesOf(address)).toHaveLength(2);
  });
});

describe('a bearer that is right', () => {
  test('is answered where it was used before, whoever guesses beside it, and waits where it is new', async () => {
    const { client: home } = stranger();
    const { client: elsewhere } = stranger();
    const admin = new ApiClient(hub);
    await admin.becomeAdmin();
    const made = await admin.askProven('POST', '/api/v1/tokens', {
      name: 'script',
      scopes: ['account:read'],
    });
    const token = String(made.json['token']);
    expect((await bear(home, token)).status).toBe(200);
    for (const client of [home, elsewhere]) {
      await times(allowed, async () => bear(client, strangeToken()));
      expectWait(await bear(client, strangeToken()));
    }
    expect((await bear(home, token)).status).toBe(200);
    expectWait(await bear(elsewhere, token));
  }, 60_000);
});
