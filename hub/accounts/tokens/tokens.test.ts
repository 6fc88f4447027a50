import { expect, test } from 'vitest';

import { noAudit } from '../../audit/audit.ts';
import { noNotices } from '../../notices/notice.ts';
import { hashOf, newSecret } from '../secret.ts';
import type { Refusal } from './dead-bearers.ts';
import type { TokenRecord, TokenStore } from './token.ts';
import { noTokenCounts } from './token-counts.ts';
import { formatToken, parseToken } from './token-text.ts';
import { makeToken, Tokens } from './tokens.ts';

const dayMs = 86_400_000;
const now = new Date('2026-11-22T12:00:00Z');

const { record, text } = makeToken({
  kind: 'personal',
  accountId: 'an account',
  name: 'script',
  scopes: ['servers:read'],
  networks: [],
  createdAt: now,
  expiresAt: new Date(now.getTime() + dayMs),
  idleMs: undefined,
  app: undefined,
});

const nowhere = { address: undefined };

const none = async (): Promise<undefined> => undefined;

/** Knows one token, and counts how often it is asked. */
function stage(): { tokens: Tokens; asked: () => number; refusals: Refusal['reason'][] } {
  let asked = 0;
  const refusals: Refusal['reason'][] = [];
  const store: TokenStore = {
    insert: async () => true,
    find: async (id): Promise<TokenRecord | undefined> => {
      asked += 1;
      return id === record.id ? record : undefined;
    },
    list: async () => [],
    noteUse: none,
    rename: none,
    remove: none,
    removeAll: async () => [],
    watch: async () => () => undefined,
  };
  const tokens = new Tokens({
    store,
    holders: { find: none },
    audit: noAudit,
    notices: noNotices,
    counts: noTokenCounts,
    dead: {
      requireFresh: () => undefined,
      requireOpen: none,
      note: async (_text, _from, { reason }) => void refusals.push(reason),
    },
    now: () => now,
  });
  return { tokens, asked: () => asked, refusals };
}

test('what has a wrong checksum, or none, costs no question to the database', async () => {
  const { tokens, asked, refusals } = stage();
  const swapped = text.endsWith('0') ? '1' : '0';
  for (const slip of [
    text.slice(0, -1) + swapped,
    text.slice(0, -1),
    `${text}0`,
    text.toUpperCase(),
  ])
    expect(await tokens.find(slip, nowhere)).toBeUndefined();
  expect(asked()).toBe(0);
  expect(refusals).toEqual(['malformed', 'malformed', 'malformed', 'malformed']);
  await tokens.find(text, nowhere);
  expect(asked()).toBe(1);
});

test('the text is kept nowhere in what is made', () => {
  const { secret = '' } = parseToken(text) ?? {};
  expect(JSON.stringify(record)).not.toContain(secret);
  expect(record.secretHash).toEqual(hashOf(secret));
});

test('an unknown token takes as long as a known one with a wrong secret', async () => {
  const { tokens } = stage();
  const known = formatToken({ kind: 'personal', id: record.id, secret: newSecret() });
  const unknown = formatToken({ kind: 'personal', id: '00000000', secret: newSecret() });
  const times: Record<string, number[]> = { [known]: [], [unknown]: [] };
  // By turns, so that a busy machine is as slow for both.
  for (let round = 0; round < 500; round++)
    for (const [attempt, taken] of Object.entries(times)) {
      const beganAt = performance.now();
      await tokens.find(attempt, nowhere);
      taken.push(performance.now() - beganAt);
    }
  const medians = Object.values(times).map(
    (taken) => taken.toSorted((one, other) => one - other)[taken.length / 2] ?? 0,
  );
  const [ofKnown = 0, ofUnknown = 0] = medians;
  // Milliseconds. A line of the internet shakes a hundred times as much.
  expect(Math.abs(ofKnown - ofUnknown)).toBeLessThan(0.02);
});
