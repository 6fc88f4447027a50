import { expect, test } from 'vitest';

import type { FindingsAnswer, ServerInFull } from '../../server-answers.ts';
import { healthCard } from './health-card.ts';

const at = '2026-11-22T10:00:00.000Z';
const server: ServerInFull = {
  id: '0193c0de-0000-7000-8000-000000000001',
  name: 'Movies',
  label: 'movies',
  addresses: [],
  is_connected: true,
  connected_since: at,
  last_seen_at: at,
  created_at: at,
  access: 'owner',
  suspended_at: null,
  suspension_reason: null,
  switches: {
    http2: true,
    min_tls: '1.2',
    certificate: 'ecdsa',
    authority: 'first',
    product: null,
    lifted: [],
  },
  deny_list: [],
};

function told(change: Partial<FindingsAnswer['items'][number]>): FindingsAnswer {
  const item = { check: 'origin.product', state: 'ok' as const, message: 'Good.', looked_at: at };
  return { state: 'ok', looked_at: at, line_measured_at: null, items: [{ ...item, ...change }] };
}

async function page(findings: FindingsAnswer, change: Partial<ServerInFull> = {}): Promise<string> {
  const card = await healthCard({ ...server, ...change }, findings);
  // A String that knows itself to be escaped.
  return card.toString();
}

test('what an agent says is shown as it is said, and is no part of the page', async () => {
  const hostile = `<img src=x onerror=alert(1)>"'&`;
  const shown = await page(told({ state: 'failure', message: hostile, remedy: hostile }));
  expect(shown).not.toContain('<img');
  expect(shown.match(/&lt;img src=x/g)).toHaveLength(2);
});

test('a check that a newer agent knows stands there under its own name', async () => {
  expect(await page(told({ check: 'moon.phase' }))).toContain('<span>moon.phase</span>');
  expect(await page(told({}))).toContain('<span>Which media server</span>');
});

test('what is not well stands open with its remedy, what is well is folded', async () => {
  const shown = await page(told({ state: 'warning', remedy: 'Mend it.' }));
  expect(shown).toContain('<b>Mend it.</b>');
  expect(shown).not.toContain('<details');
  expect(await page(told({}))).toMatch(/<details\s*>\s*<summary>One thing is well/);
});

test('of a server that is offline it is said that this is how it was', async () => {
  expect(await page(told({}), { is_connected: false })).toContain('this is how it was');
});

test('of an agent that never told it is said which command does', async () => {
  const nothing = { state: null, looked_at: null, line_measured_at: null, items: [] };
  expect((await page(nothing)).replaceAll(/<\/?code>|\s+/g, ' ')).toMatch(
    /run +phlix-agent doctor +beside/,
  );
});
