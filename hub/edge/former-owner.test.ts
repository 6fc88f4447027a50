import { describe, expect, it } from 'vitest';

import { exchange, onlineHostname, TestEdge } from '../../test/support/edge.ts';
import { clearingFields, type NewlyOwned } from './former-owner.ts';
import type { FieldLines } from './visitor.ts';

const dayMs = 86_400_000;
const since = new Date('2026-11-22T12:00:00Z');
const tunnel: NewlyOwned = { serverId: '0199', newOwnerSince: since };
const after = (days: number): Date => new Date(since.getTime() + days * dayMs);
const clear = '"cache","storage"';

function fieldsFor(
  fields: FieldLines,
  { wantsPage = false, newOwner = tunnel, days = 1 } = {},
): FieldLines {
  return clearingFields({ method: 'GET', fields, wantsPage }, newOwner, after(days));
}

const navigation = ['sec-fetch-mode', 'navigate'];
const worker = ['service-worker', 'script', 'sec-fetch-mode', 'same-origin'];

/** What the browser sends back. */
function markIn(fields: FieldLines): string {
  const at = fields.indexOf('set-cookie');
  return fields[at + 1]?.split(';')[0] ?? '';
}

describe('under a new owner', () => {
  it('a navigation clears what the former one left, and marks the browser', () => {
    const fields = fieldsFor(navigation);
    expect(fields.slice(0, 2)).toEqual(['clear-site-data', clear]);
    expect(fields[3]).toMatch(
      /^__Host-phlix-cleared=[\w-]{22}; Path=\/; Max-Age=7776000; Secure; HttpOnly; SameSite=Lax$/,
    );
  });

  it('the script of a service worker clears, and marks nothing', () => {
    expect(fieldsFor(worker)).toEqual(['clear-site-data', clear]);
  });

  it('an old browser that asks for a page is navigating', () => {
    expect(fieldsFor([], { wantsPage: true })).toContain(clear);
  });

  it.each([
    ['a picture', ['sec-fetch-mode', 'no-cors', 'accept', 'image/*']],
    ['a call of a page’s script', ['sec-fetch-mode', 'cors']],
    ['a player', []],
    ['a script that wants text/html', ['sec-fetch-mode', 'cors', 'accept', 'text/html']],
  ])('%s clears nothing', (_what, fields) => {
    expect(fieldsFor(fields, { wantsPage: fields.includes('text/html') })).toEqual([]);
  });

  it('a browser is cleared once, for one owner', () => {
    const cookie = ['cookie', `a=b; ${markIn(fieldsFor(navigation))}`];
    expect(fieldsFor([...navigation, ...cookie])).toEqual([]);
    expect(fieldsFor([...worker, ...cookie])).toEqual([]);
    const next = { ...tunnel, newOwnerSince: after(1) };
    expect(fieldsFor([...navigation, ...cookie], { newOwner: next })).toContain(clear);
    expect(fieldsFor([...navigation, 'cookie', '__Host-phlix-cleared=1'])).toContain(clear);
  });

  it('ends after ninety days', () => {
    expect(fieldsFor(navigation, { days: 89.99 })).toContain(clear);
    expect(fieldsFor(navigation, { days: 90 })).toEqual([]);
  });

  it('and without one there is nothing to clear', () => {
    const newOwner = { serverId: '0199', newOwnerSince: undefined };
    expect(fieldsFor(navigation, { newOwner })).toEqual([]);
  });
});

describe('at the door', () => {
  it('the head of the origin’s answer has it, whatever the origin wants cleared, and no validator reaches it', async () => {
    const seen: (string | undefined)[] = [];
    await using edge = await TestEdge.start({
      origin: (request, response) => {
        seen.push(request.headers['if-none-match']);
        response.setHeader('clear-site-data', '"cookies"');
        response.end('the new owner');
      },
    });
    edge.newOwnerSince = new Date(Date.now() - dayMs);
    const asked = ['Sec-Fetch-Mode: navigate', 'If-None-Match: "old"'] as const;
    const answer = await ask(edge, '/', ...asked);
    expect(answer.match(/clear-site-data: .*/gi)).toEqual([`clear-site-data: ${clear}`]);
    const mark = /set-cookie: ([^;]+)/.exec(answer)?.[1] ?? '';
    expect(await ask(edge, '/', ...asked, `Cookie: ${mark}`)).not.toMatch(/clear-site-data/i);
    edge.newOwnerSince = undefined;
    expect(await ask(edge, '/', ...asked)).not.toMatch(/clear-site-data|set-cookie/i);
    expect(seen).toEqual([undefined, '"old"', '"old"']);
  });

  it('so has a page that says that the new owner is offline, and one over HTTP/2', async () => {
    await using edge = await TestEdge.start();
    edge.newOwnerSince = new Date(Date.now() - dayMs);
    const session = await edge.http2();
    for (const [authority, status] of [
      ['asleep.phlix.example', 503],
      [onlineHostname, 200],
    ] as const) {
      const { headers } = await exchange(session, {
        ':path': '/',
        ':authority': authority,
        'sec-fetch-mode': 'navigate',
      });
      expect([headers[':status'], headers['clear-site-data']]).toEqual([status, clear]);
    }
    session.destroy();
  });
});

async function ask(edge: TestEdge, path: string, ...lines: string[]): Promise<string> {
  const head = [`GET ${path} HTTP/1.1`, `Host: ${onlineHostname}`, 'Connection: close', ...lines];
  return edge.raw(`${head.join('\r\n')}\r\n\r\n`);
}
