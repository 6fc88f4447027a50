import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

import { Hono } from 'hono';
import { expect, test } from 'vitest';

import type { Ban, BanOrigin } from '../../access/bans/ban.ts';
import { noteArrival, type HubEnv } from './arrival.ts';
import { peopleDoor } from './people.ts';
import { problemFor } from '../problem/problem.ts';

const origin = 'https://hub.example.test';

/** The door to whoever brings `cookie`, whose login is none; `known` is the browser that somebody has signed in with. */
async function visit(
  { method = 'GET', path = '/', cookie }: { method?: string; path?: string; cookie?: string },
  ban?: Ban,
): Promise<Response> {
  const app = new Hono<HubEnv>();
  app.onError((error, context) => problemFor(context, error) ?? context.text('failed', 500));
  app.use(
    peopleDoor({
      origin: () => origin,
      logins: { find: async () => undefined },
      tokens: { find: async () => undefined },
      browsers: { isSomebodys: async (secret) => secret === 'known' },
      bans: { covering: () => ban },
      admins: { networks: undefined, isHere: true },
      channels: new Set(),
    }),
  );
  app.all('*', (context) => context.body(null, 204));
  const incoming = new IncomingMessage(new Socket());
  if (cookie !== undefined) incoming.headers.cookie = cookie;
  noteArrival(incoming, { address: '192.0.2.7', peer: undefined, keepOpen: () => undefined });
  const headers = { 'sec-fetch-site': 'same-origin' };
  return app.request(`${origin}${path}`, { method, headers }, { incoming });
}

/** Asks from an address that is banned. */
async function ask(
  method: string,
  browser: string | undefined,
  by: BanOrigin,
): Promise<{ status: number; code?: string }> {
  const ban: Ban = {
    id: '0',
    network: '192.0.2.7/32',
    origin: by,
    reason: '20 failed sign-ins',
    by: 'system',
    createdAt: new Date(),
    until: new Date(Date.now() + 60_000),
  };
  const cookie = browser === undefined ? {} : { cookie: `__Host-phlix_dc=${browser}` };
  const answer = await visit({ method, ...cookie }, ban);
  const { status } = answer;
  return status === 204
    ? { status }
    : { status, code: ((await answer.json()) as { code: string }).code };
}

test.each([
  ['nobody’s browser', 'POST', undefined, 'guard', 403],
  ['a browser that says it is known', 'POST', 'anything', 'guard', 403],
  ['a browser that somebody has signed in with', 'POST', 'known', 'guard', 204],
  ['whoever reads', 'GET', undefined, 'guard', 204],
  ['a known browser whose address an operator banned', 'POST', 'known', 'operator', 403],
  ['whoever reads from an address that an operator banned', 'GET', undefined, 'operator', 403],
] as const)('a ban meets %s', async (_, method, cookie, by, status) => {
  expect(await ask(method, cookie, by)).toEqual(
    status === 204 ? { status } : { status, code: 'api.banned' },
  );
});

test.each([
  ['at a page', '/servers', true],
  ['at the API, where a step-up beside the call may have renewed it', '/api/v1/account', false],
] as const)(
  'a login’s cookie that opens nothing is forgotten %s: %s',
  async (_, path, isForgotten) => {
    const answer = await visit({ path, cookie: `__Host-phlix_session=${'A'.repeat(43)}` });
    expect(answer.headers.get('set-cookie')?.startsWith('__Host-phlix_session=;') ?? false).toBe(
      isForgotten,
    );
  },
);
