import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import type { SafeFetch, SafeFetchInit } from '../../notices/safe-fetch.ts';
import { BreachList, noBreaches } from './breaches.ts';

const password = 'violet tractor eats seven moons';
const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
const suffix = hash.slice(5);
const padding = `${'0'.repeat(35)}:0`;

/** A list that answers with `rows`, and what it was asked. */
function listOf(answer: () => Response | Promise<Response>) {
  const asked: { url: string; init: SafeFetchInit | undefined }[] = [];
  const fetch: SafeFetch = async (url, init) => {
    asked.push({ url, init });
    return answer();
  };
  const baseUrl = new URL('https://list.example/hibp/');
  return { asked, list: new BreachList({ fetch, baseUrl, isMirror: false }) };
}

const rows = (...lines: string[]) => new Response(lines.join('\r\n'));

describe('the list of breached passwords', () => {
  test('learns five letters of a hash and nothing else', async () => {
    const { asked, list } = listOf(() => rows(padding));
    await list.look(password);
    expect(asked.map(({ url }) => url)).toEqual([
      `https://list.example/hibp/range/${hash.slice(0, 5)}`,
    ]);
    const [{ init } = { init: undefined }] = asked;
    expect(init?.headers).toMatchObject({ 'add-padding': 'true' });
    expect(JSON.stringify(asked)).not.toContain(suffix.slice(0, 6));
    expect(init?.signal).toBeInstanceOf(AbortSignal);
    expect(init?.body).toBeUndefined();
  });

  test.each([
    ['its row', () => rows(padding, `${suffix}:3`), 'found'],
    ['its row in small letters', () => rows(`${suffix.toLowerCase()}:3`, padding), 'found'],
    ['its row as padding', () => rows(`${suffix}:0`, padding), 'clean'],
    ['no row of it', () => rows(`${'A'.repeat(35)}:9`, padding), 'clean'],
    ['nothing', () => rows(''), 'clean'],
    ['too many requests', () => new Response('slow down', { status: 429 }), 'unknown'],
    ['an error', () => Promise.reject(new Error('unreachable')), 'unknown'],
  ])('that answers with %s', async (_what, answer, expected) => {
    const { list } = listOf(answer);
    expect(await list.look(password)).toBe(expected);
  });

  test('finds a password in whatever form it was typed', async () => {
    const { list } = listOf(() => rows(`${sha1('five cafés').slice(5)}:1`));
    expect(await list.look('ﬁve cafe\u0301s')).toBe('found');
  });

  test('that is off is not asked', async () => {
    expect(await noBreaches.look(password)).toBe('unknown');
  });
});

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex').toUpperCase();
}
