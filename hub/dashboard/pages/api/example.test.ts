import { expect, test } from 'vitest';

import { example } from './example.ts';

test('an example names the type of each value, and marks what may be missing', () => {
  const schema = {
    type: 'object',
    required: ['id', 'role', 'tags'],
    properties: {
      id: { type: 'string', format: 'uuid' },
      role: { type: 'string', enum: ['admin', 'owner'] },
      tags: { type: 'array', items: { type: 'string' } },
      seen_at: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
      size: { type: ['integer', 'null'] },
    },
  } as const;
  expect(example(schema, {})).toEqual({
    id: 'uuid',
    role: 'admin | owner',
    tags: ['string'],
    'seen_at?': 'date-time | null',
    'size?': 'integer | null',
  });
});

test('a schema is found by its name, and one that holds itself ends', () => {
  const tree = { type: 'object', properties: { child: { $ref: '#/components/schemas/Tree' } } };
  expect(JSON.stringify(example({ $ref: '#/components/schemas/Tree' }, { Tree: tree }))).toMatch(
    /"\.\.\."/,
  );
  expect(example({ $ref: '#/components/schemas/None' }, {})).toBe('...');
});
