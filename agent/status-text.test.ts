import { expect, test } from 'vitest';

import { describeStatus } from './status-text.ts';
import type { AgentStatus } from './status.ts';

const status: AgentStatus = {
  version: '0.1.0',
  state: 'connected',
  hub: 'https://hub.example',
  addresses: ['https://movies.example'],
  since: '2026-03-01T12:00:00.000Z',
  streams: 3,
  links: [
    {
      slot: 0,
      state: 'connected',
      since: '2026-03-01T12:00:00.000Z',
      tunnel: 'wss://hub.example:8802/tunnel',
      address: '192.0.2.1',
      streams: 1,
      roundTripMs: 12.345,
    },
    {
      slot: 1,
      state: 'draining',
      since: '2026-03-01T11:00:00.000Z',
      tunnel: 'wss://hub.example/tunnel',
      address: '192.0.2.9',
      proxy: 'http://proxy.example:3128',
      streams: 2,
    },
    { state: 'waiting', since: '2026-03-01T12:00:01.000Z', retryAt: '2026-03-01T12:00:02.000Z' },
    { state: 'connecting', since: '2026-03-01T12:00:01.000Z' },
  ],
  origin: { url: 'http://127.0.0.1:8096', state: 'answering' },
};

test('each link has a line: its slot, its state, how far the hub is, what it carries and which way it goes', () => {
  const lines = describeStatus(status, '/state').split('\n');
  expect(lines.filter((line) => line.startsWith('link'))).toEqual([
    'link     0 connected since 2026-03-01T12:00:00.000Z, 12.3 ms to the hub and back, 1 stream, wss://hub.example:8802/tunnel at 192.0.2.1',
    'link     1 draining since 2026-03-01T11:00:00.000Z, 2 streams, wss://hub.example/tunnel at 192.0.2.9 through http://proxy.example:3128',
    'link     none, next attempt at 2026-03-01T12:00:02.000Z',
    'link     dialling',
  ]);
});

test('where no agent runs, the way to one is said', () => {
  expect(describeStatus(undefined, '/state')).toContain('PHLIX_STATE_DIR');
});
