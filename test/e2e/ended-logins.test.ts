import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { within } from '../support/deadline.ts';
import { HubProcess } from '../support/deployment.ts';
import { metricOf } from '../support/hub-metrics.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let hub: HubProcess;
let admin: ApiClient;
const lines: string[] = [];

beforeAll(async () => {
  hub = await HubProcess.start({ onLine: (line) => lines.push(line) });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
});
afterAll(async () => {
  await hub.stop();
});

const isSignedIn = async (client: ApiClient) =>
  (await client.ask('GET', '/api/v1/account')).status === 200;

/** The same person in another browser. */
async function elsewhere(username: string): Promise<ApiClient> {
  const client = new ApiClient(hub);
  await client.ask('POST', '/api/v1/auth/login', { body: { username, password } });
  return client;
}

/** Settles when the stream that this browser listens to is over. */
async function listen(client: ApiClient): Promise<{ readonly ended: Promise<void> }> {
  const stream = await client.open('GET', '/api/v1/events?topics=servers');
  if (stream.statusCode !== 200) throw new Error(`events answered ${stream.statusCode}`);
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on('close', resolve).on('error', () => undefined);
  stream.resume();
  return { ended: promise };
}

type End = (own: ApiClient, other: ApiClient) => Promise<{ readonly status: number }>;

const ends: Record<string, End> = {
  'is ended from another browser': async (own, other) => {
    const { json } = await own.ask('GET', '/api/v1/account/logins');
    const all = json['items'] as { id: string; is_current: boolean }[];
    const mine = all.find((login) => login.is_current)?.id ?? '';
    return other.ask('DELETE', `/api/v1/account/logins/${mine}`);
  },
  'is ended with all others': async (_own, other) =>
    other.ask('POST', '/api/v1/account/logins/end-others', { body: {} }),
  'signs out': async (own) => own.ask('POST', '/api/v1/auth/logout', { body: {} }),
};

describe('a browser that listens to events', () => {
  test.each(Object.entries(ends))('is cut within a second when it %s', async (how, end) => {
    const name = how.replaceAll(' ', '-');
    const own = await admin.invite(name, 'owner');
    const other = await elsewhere(name);
    const [gone, stays] = [await listen(own), await listen(other)];
    const cookie = own.cookies.get('__Host-phlix_session') ?? '';
    const before = await metricOf(lines, 'phlix_hub_logins_ended_total');
    expect((await end(own, other)).status).toBeLessThan(300);
    await within(gone.ended, 1000, () => 'the end of the stream');
    own.cookies.set('__Host-phlix_session', cookie);
    expect(await isSignedIn(own)).toBe(false);
    expect(await metricOf(lines, 'phlix_hub_logins_ended_total')).toBe(before + 1);
    // Whoever ended it, and hears of it, goes on listening.
    const outcome = await Promise.race([stays.ended.then(() => 'cut'), isSignedIn(other)]);
    expect(outcome).toBe(true);
  });
});

test('an account that is suspended has no login, no token and no sign-in from that moment', async () => {
  const own = await admin.invite('olga', 'owner');
  const made = await own.askProven('POST', '/api/v1/tokens', {
    name: 'backup',
    scopes: ['account:read'],
  });
  const program = new ApiClient(hub);
  const headers = { authorization: `Bearer ${String(made.json['token'])}` };
  const byToken = async () => (await program.ask('GET', '/api/v1/account', { headers })).status;
  expect([await byToken(), await isSignedIn(own)]).toEqual([200, true]);
  const stream = await listen(own);
  const { json } = await own.ask('GET', '/api/v1/account');
  const path = `/api/v1/admin/users/${String(json['id'])}`;
  expect((await admin.askProven('POST', `${path}/suspend`, {})).status).toBe(200);
  expect([await byToken(), await isSignedIn(own)]).toEqual([401, false]);
  expect(await isSignedIn(await elsewhere('olga'))).toBe(false);
  await within(stream.ended, 1000, () => 'the end of the stream');
  await admin.askProven('POST', `${path}/resume`, {});
  expect(await isSignedIn(await elsewhere('olga'))).toBe(true);
});
