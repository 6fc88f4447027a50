import { expect, test } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import type { ExchangeRecord } from '../usage/exchange-record.ts';
import { AccessLog, type AddressDetail } from './access-log.ts';
import type { WatchedRequest } from './watched-request.ts';

const request: WatchedRequest = {
  id: '01a2',
  method: 'GET',
  target: '/Videos/42/stream.mkv?api_key=1234567890',
  hostname: 'movies.example.org',
  httpVersion: '1.1',
  scheme: 'https',
  clientAddress: '203.0.113.7',
  fields: ['cookie', 'a=b'],
};

const record: ExchangeRecord = {
  startedAt: Date.parse('2026-11-22T20:00:00Z'),
  linkedMs: 1,
  answeredMs: 20.4,
  durationMs: 7_200_000.6,
  status: 206,
  bytesUp: 0,
  bytesDown: 4e9,
  resumes: 2,
  failure: undefined,
};

function lineOf(
  change: { request?: Partial<WatchedRequest>; record?: Partial<ExchangeRecord> } = {},
  addresses: AddressDetail = 'network',
): Record<string, unknown> {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', name: 'test' }, { write: (line) => lines.push(line) });
  const written = new AccessLog(log, addresses);
  written.write({ ...request, ...change.request }, 'server', { ...record, ...change.record });
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
}

test('a line says who was served and how, and nothing of what', () => {
  const { level, time, pid, hostname, name, msg, ...facts } = lineOf();
  expect({ level, name, msg }).toEqual({ level: 'info', name: 'test', msg: 'exchange' });
  expect([time, pid, hostname]).not.toContain(undefined);
  expect(facts).toEqual({
    request: '01a2',
    started: '2026-11-22T20:00:00.000Z',
    server: 'server',
    host: 'movies.example.org',
    method: 'GET',
    class: 'playback',
    http: '1.1',
    status: 206,
    bytes_up: 0,
    bytes_down: 4e9,
    duration_ms: 7_200_001,
    first_byte_ms: 20,
    resumed: 2,
    address: '203.0.113.0/24',
  });
});

test.each<[AddressDetail, string | undefined, unknown]>([
  ['network', '203.0.113.7', '203.0.113.0/24'],
  ['network', '2001:db8:1:2:3::4', '2001:db8:1::/48'],
  ['network', undefined, null],
  ['full', '203.0.113.7', '203.0.113.7'],
  ['full', undefined, null],
  ['none', '203.0.113.7', undefined],
])('of an address %s is written: %s', (addresses, clientAddress, written) => {
  expect(lineOf({ request: { clientAddress } }, addresses)['address']).toBe(written);
});

test('an exchange that nobody answered has no status, and the code of what broke it', () => {
  const change = { status: undefined, answeredMs: undefined, failure: 'tunnel.lost' };
  expect(lineOf({ record: change })).toMatchObject({
    status: null,
    first_byte_ms: null,
    code: 'tunnel.lost',
  });
});

test('a WebSocket is told by its answer, and a method of a visitor’s own is not repeated', () => {
  expect(lineOf({ record: { status: 101 } })).toMatchObject({ class: 'socket' });
  expect(lineOf({ request: { method: 'MYSECRET' } })).toMatchObject({ method: 'other' });
});
