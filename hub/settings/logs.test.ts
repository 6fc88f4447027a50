import { expect, test } from 'vitest';

import { readConfig } from '../config.ts';
import { otlpHeaders } from './logs.ts';

const machine = { bindsLowPorts: false, stateFolder: '/nowhere', memoryBytes: 2 ** 33 };
const read = (environment: Record<string, string>) => readConfig(environment, machine);

test('by itself the hub writes its log to standard output, no access log and no trace', () => {
  const { logs, traces } = read({});
  expect(logs).toMatchObject({ file: undefined, access: 'off', addresses: 'network' });
  expect(traces).toBeUndefined();
});

test.each([
  ['off', 'off'],
  ['stdout', 'stdout'],
  ['/var/log/phlix/access.log', { file: '/var/log/phlix/access.log' }],
])('HUB_ACCESS_LOG=%s', (text, access) => {
  expect(read({ HUB_ACCESS_LOG: text }).logs.access).toEqual(access);
});

test.each([
  ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
  ['https://collector.example.org/', 'https://collector.example.org/v1/traces'],
  ['https://collector.example.org/otlp', 'https://collector.example.org/otlp/v1/traces'],
  ['http://127.0.0.1:4318/v1/traces', 'http://127.0.0.1:4318/v1/traces'],
])('a collector at %s is sent spans at %s', (text, href) => {
  expect(read({ HUB_OTLP_URL: text }).traces?.url.href).toBe(href);
});

test('fields for the collector are read as OpenTelemetry writes them, and shown to nobody', () => {
  const given = {
    HUB_OTLP_URL: 'http://127.0.0.1:4318',
    HUB_OTLP_HEADERS: 'A=Bearer%20q8Zt, x-key = k7=w9',
  };
  const { traces, shown } = read(given);
  expect(otlpHeaders(traces?.headers)).toEqual({ a: 'Bearer q8Zt', 'x-key': 'k7=w9' });
  expect(String(traces?.headers)).toBe('[secret]');
  expect(shown.find(({ name }) => name === 'HUB_OTLP_HEADERS')).toMatchObject({ isSecret: true });
});

test.each<[string, Record<string, string>]>([
  ['HUB_OTLP_URL', { HUB_OTLP_URL: 'collector:4318' }],
  ['HUB_OTLP_URL', { HUB_OTLP_URL: 'https://user:password@collector.example.org' }],
  ['HUB_OTLP_HEADERS', { HUB_OTLP_URL: 'http://a', HUB_OTLP_HEADERS: 'Bearer abc' }],
  ['HUB_OTLP_HEADERS', { HUB_OTLP_URL: 'http://a', HUB_OTLP_HEADERS: 'a=%zz' }],
  ['HUB_OTLP_HEADERS', { HUB_OTLP_URL: 'http://a', HUB_OTLP_HEADERS: 'a=Bearer%20changeme' }],
  ['HUB_OTLP_HEADERS', { HUB_OTLP_HEADERS: 'a=b' }],
  ['HUB_TRACE_SAMPLE', { HUB_TRACE_SAMPLE: '1.5' }],
  ['HUB_TRACE_SAMPLE', { HUB_TRACE_SAMPLE: '-0' }],
  ['HUB_ACCESS_LOG', { HUB_LOG_FILE: '/var/log/a', HUB_ACCESS_LOG: '/var/log/a' }],
  ['HUB_ACCESS_LOG_ADDRESSES', { HUB_ACCESS_LOG_ADDRESSES: 'some' }],
])('%s is refused by its name: %j', (name, environment) => {
  expect(() => read(environment)).toThrow(name);
});
