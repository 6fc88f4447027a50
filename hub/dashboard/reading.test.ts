import { expect, test } from 'vitest';

import { HubReading } from './reading.ts';

const caller = { kind: 'nobody', address: undefined, peer: undefined, requestId: 'r' } as never;

test('a page that wants all of a list asks for page after page, as the API gives them', async () => {
  const asked: unknown[] = [];
  const pages: Record<string, { items: number[]; next_cursor?: string | null }> = {
    first: { items: [1, 2], next_cursor: 'second' },
    second: { items: [3], next_cursor: 'third' },
    third: { items: [], next_cursor: null },
  };
  const hub = new HubReading(
    async (_by, id, question) => {
      asked.push([id, question?.['id'], question?.['cursor']]);
      return pages[question?.['cursor'] ?? 'first'];
    },
    { caller, isAdminDoorOpen: true },
  );
  expect(await hub.askAll('members.list', { id: 'films' })).toEqual([1, 2, 3]);
  expect(asked).toEqual([
    ['members.list', 'films', undefined],
    ['members.list', 'films', 'second'],
    ['members.list', 'films', 'third'],
  ]);
});
