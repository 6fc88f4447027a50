import { z } from '@hono/zod-openapi';
import { expect, test } from 'vitest';

import { somebody } from '../../../test/support/dashboard-scenes.ts';
import { operation } from './operation.ts';
import { createReader } from './reader.ts';

const things = operation({
  id: 'things.list',
  method: 'get',
  path: '/things/{id}',
  summary: 'Things',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  params: z.object({ id: z.uuid() }),
  query: z.object({ kind: z.enum(['red', 'blue']).optional() }),
  response: z.object({ kind: z.string() }),
  run: async (_caller, { query }) => ({ kind: query.kind ?? 'any' }),
});
const id = '019a0000-0000-7000-8000-000000000001';
const read = createReader([things], {});
const asked = { caller: somebody(), isAdminDoorOpen: true };

test('a page is answered as the API answers, and a filter that is empty is none', async () => {
  expect(await read(asked, 'things.list', { id, kind: '' })).toEqual({ kind: 'any' });
  expect(await read(asked, 'things.list', { id, kind: 'red' })).toEqual({ kind: 'red' });
});

test('what is wrong with a filter is said by its name; a path that is none leads nowhere', async () => {
  await expect(read(asked, 'things.list', { id, kind: 'loud' })).rejects.toMatchObject({
    code: 'api.malformed',
    message: expect.stringMatching(/^In the address: kind: /),
  });
  await expect(read(asked, 'things.list', { id: 'x' })).rejects.toMatchObject({
    code: 'api.malformed',
    message: 'There is nothing at this address: check its spelling.',
  });
});
