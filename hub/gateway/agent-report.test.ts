import { Buffer } from 'node:buffer';

import { assert, json, property } from 'fast-check';
import { expect, test } from 'vitest';

import { readReport } from './agent-report.ts';

function read(content: unknown) {
  return readReport(Buffer.from(JSON.stringify(content)), 5);
}

test('a report is read in shares', () => {
  expect(read({ report: { busy: 40, queue: 12, streams: [[7, 90, 10]] } })).toEqual({
    atMs: 5,
    busy: 0.4,
    queueMs: 12,
    streams: new Map([[7, { line: 0.9, credit: 0.1 }]]),
  });
});

test('what is beyond its range is brought back into it, and what is no number is nothing', () => {
  const report = read({ report: { busy: 4000, queue: -1, streams: [[7, 'x', 1e9]] } });
  expect(report).toMatchObject({ busy: 1, queueMs: 0 });
  expect(report?.streams.get(7)).toEqual({ line: 0, credit: 1 });
});

test.each([
  [{ moved: true }],
  [{ report: 1 }],
  [{ report: null }],
  [{ report: { streams: 7 } }],
  [{ report: { streams: [7] } }],
  [{ report: { streams: [['7', 1, 1]] } }],
  [{ report: { streams: Array.from({ length: 401 }, (_, id) => [id, 0, 0]) } }],
  [null],
])('%j is no report', (content) => {
  expect(read(content)).toBeUndefined();
});

test('any bytes are read without an error', () => {
  const isRead = property(json(), (text) => {
    readReport(Buffer.from(text), 0);
    readReport(Buffer.from(`{"report":${text}}`), 0);
  });
  expect(() => assert(isRead)).not.toThrow();
});
