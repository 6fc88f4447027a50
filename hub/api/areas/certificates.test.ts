import { expect, test } from 'vitest';

import { pageQuery } from '../operation/page.ts';
import { certificateOperations, type CertificateView } from './certificates.ts';

const list = certificateOperations.find(({ id }) => id === 'certificates.list');

const view = (id: string | undefined, ...names: string[]): CertificateView => ({
  id,
  names,
  keyKind: 'ecdsa',
  serverId: undefined,
  notBefore: undefined,
  notAfter: undefined,
  renewsAt: undefined,
  lastError: undefined,
});

/** As long as names may be. */
const longest = [...Array.from({ length: 3 }, () => 'a'.repeat(63)), 'b'.repeat(61)].join('.');
const names = Array.from({ length: 100 }, (_, n) => `${n}.example.org`);
const all = [
  ...names.map((name) => view(`019a0000-0000-7000-8000-${name.slice(0, 2)}`, name)),
  view('019a0000-0000-7000-8000-0000000000a1', longest, ...names),
  // Given by the operator, who need not be thrifty.
  view(undefined, 'example.org', 'a.example.org'),
  view(undefined, 'example.org', 'b.example.org'),
];

test('all certificates are listed page by page, by name, however many names one has', async () => {
  const seen: string[] = [];
  const services = { certificates: { list: () => all } };
  let cursor: string | undefined;
  do {
    const query = pageQuery.parse({ limit: '1', ...(cursor !== undefined && { cursor }) });
    const answer = await list?.run({} as never, { query } as never, services as never);
    const { items, next_cursor: next } = answer as { items: unknown[]; next_cursor: string | null };
    seen.push(...items.map((item) => (item as { names: string[] }).names.join(' ')));
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toHaveLength(all.length);
  expect(new Set(seen)).toEqual(new Set(all.map((one) => one.names.join(' '))));
});
