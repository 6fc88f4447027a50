import { describe, expect, it } from 'vitest';
import {
  streamTransitions,
  type StreamEvent,
  type StreamState,
  type Transition,
} from './stream-state.ts';

// Derived from the rules instead of copied from the table: P23 (ends are counted apart), P24 (nothing behind END), P25 (late frames).
const states: StreamState[] = ['open', 'local-ended', 'remote-ended', 'closed'];
const events: StreamEvent[] = [
  'send-end',
  'send-reset',
  'receive-data',
  'receive-end',
  'receive-credit',
  'receive-reset',
];

function expected(state: StreamState, event: StreamEvent): Transition {
  if (state === 'closed' || event.endsWith('reset')) return 'closed';
  const local = state === 'local-ended' || event === 'send-end';
  const remote = state === 'remote-ended';
  if (remote && (event === 'receive-data' || event === 'receive-end')) {
    return 'protocol.stream-state';
  }
  const isRemoteEnded = remote || event === 'receive-end';
  if (local && isRemoteEnded) return 'closed';
  if (local) return 'local-ended';
  return isRemoteEnded ? 'remote-ended' : 'open';
}

describe.each(states)('a stream that is %s', (state) => {
  it.each(events)('follows the rules on %s', (event) => {
    expect(streamTransitions[state][event]).toBe(expected(state, event));
  });
});

it('the table has no state and no event besides', () => {
  expect(Object.keys(streamTransitions)).toEqual(states);
  for (const row of Object.values(streamTransitions)) expect(Object.keys(row)).toEqual(events);
});
