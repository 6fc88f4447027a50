import { afterEach, beforeEach, expect, test } from 'vitest';

import { createLogger, type Logger } from '../../shared/log.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../../test/support/otlp-receiver.ts';
import type { ExchangeRecord } from '../usage/exchange-record.ts';
import { Tracing } from './tracing.ts';
import type { WatchedRequest } from './watched-request.ts';

let collector: OtlpReceiver;
let lines: string[];
let log: Logger;
const opened: Tracing[] = [];

beforeEach(async () => {
  collector = await startOtlpReceiver();
  lines = [];
  log = createLogger({ level: 'info', name: 'test' }, { write: (line) => lines.push(line) });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (tracing) => tracing.stop()));
  await collector.stop();
});

function open(sample = 1, url = collector.url): Tracing {
  const tracing = new Tracing({ url: new URL('/v1/traces', url), headers: {}, sample, log });
  opened.push(tracing);
  return tracing;
}

function asked(fields: readonly string[] = []): WatchedRequest {
  return {
    id: '01a2',
    method: 'GET',
    target: '/',
    hostname: 'movies.example.org',
    httpVersion: '2',
    scheme: 'https',
    clientAddress: undefined,
    fields,
  };
}

const record: ExchangeRecord = {
  startedAt: Date.now(),
  linkedMs: 1,
  answeredMs: 2,
  durationMs: 3,
  status: 200,
  bytesUp: 0,
  bytesDown: 0,
  resumes: 0,
  failure: undefined,
};

const trace = 'ab'.repeat(16);
const parentOf = (flags: string): string => `00-${trace}-${'cd'.repeat(8)}-${flags}`;

test('what is not sampled has a context all the same, which says so, and is sent to nobody', async () => {
  const tracing = open(0);
  const exchange = tracing.begin(asked(), 'server', false);
  exchange.end(record);
  expect(exchange.fields[1]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  await tracing.stop();
  expect(collector.spans).toEqual([]);
});

test('a trusted proxy decides what is not sampled, and of the rest the share of the hub is', async () => {
  const never = open(0);
  // It may have passed on what its visitor wrote.
  const forced = never.begin(asked(['traceparent', parentOf('01')]), 'server', true);
  forced.end(record);
  expect(forced.fields[1]).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
  const always = open(1);
  always.begin(asked(['traceparent', parentOf('00')]), 'server', true).end(record);
  const other = 'ef'.repeat(16);
  const wanted = `00-${other}-${'cd'.repeat(8)}-01`;
  always.begin(asked(['traceparent', wanted]), 'server', true).end(record);
  await Promise.all([never.stop(), always.stop()]);
  const servers = collector.spans.filter(({ kind }) => kind === 2);
  expect(servers.map(({ traceId }) => traceId)).toEqual([other]);
});

test.each([
  ['of nobody who is trusted', ['traceparent', parentOf('01')], false],
  ['said twice', ['traceparent', parentOf('01'), 'traceparent', parentOf('01')], true],
  ['of zeros', ['traceparent', `00-${'0'.repeat(32)}-${'cd'.repeat(8)}-01`], true],
  ['that is none', ['traceparent', `${parentOf('01')}-x`, 'tracestate', 'a=b'], true],
])('a context %s is not joined', (_what, fields, isVouched) => {
  const exchange = open().begin(asked(fields), 'server', isVouched);
  expect(exchange.fields).toHaveLength(2);
  expect(exchange.fields[1]).not.toContain(trace);
});

test('a failure of the hub’s own is an error with its code; one of the visitor’s is not', async () => {
  const tracing = open();
  const lost = { ...record, status: 502, failure: 'tunnel.lost', linkedMs: undefined };
  tracing.begin(asked(), 'server', false).end(lost);
  tracing.begin(asked(), 'server', false).end({ ...record, status: 404 });
  await tracing.stop();
  const [first, second] = collector.spans.filter(({ kind }) => kind === 2);
  expect(first?.attributes).toMatchObject({
    'error.type': 'tunnel.lost',
    'phlix.code': 'tunnel.lost',
  });
  expect(second?.attributes).not.toHaveProperty('error.type');
  expect(collector.spans.filter(({ name }) => name === 'origin.first_byte')).toHaveLength(1);
});

test('ten thousand spans for a collector that is away are dropped, said once, and soon over', async () => {
  await collector.stop();
  const tracing = open(1, collector.url);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 10_000; i += 1) tracing.begin(asked(), 'server', false).end(record);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(128 * 1024 * 1024);
  const since = performance.now();
  await tracing.stop();
  expect(performance.now() - since).toBeLessThan(5000);
  expect(lines.filter((line) => line.includes('traces cannot be sent')).length).toBeLessThan(2);
});
