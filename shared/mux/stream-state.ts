// What a stream's state becomes when something is sent or received. One table, pure; PROTOCOL.md rules P20-P27.

import type { ProtocolErrorCode } from '../errors.ts';

/** `local` and `remote` say which end has ended its direction. */
export type StreamState = 'open' | 'local-ended' | 'remote-ended' | 'closed';

export type StreamEvent =
  | 'send-end'
  | 'send-reset'
  | 'receive-data'
  | 'receive-end'
  | 'receive-credit'
  | 'receive-reset';

/** The next state, or the code with which the session ends. */
export type Transition = StreamState | ProtocolErrorCode;

export const streamTransitions: Record<StreamState, Record<StreamEvent, Transition>> = {
  open: {
    'send-end': 'local-ended',
    'send-reset': 'closed',
    'receive-data': 'open',
    'receive-end': 'remote-ended',
    'receive-credit': 'open',
    'receive-reset': 'closed',
  },
  'local-ended': {
    'send-end': 'local-ended',
    'send-reset': 'closed',
    'receive-data': 'local-ended',
    'receive-end': 'closed',
    // Credit for bytes that were on their way when we ended.
    'receive-credit': 'local-ended',
    'receive-reset': 'closed',
  },
  'remote-ended': {
    'send-end': 'closed',
    'send-reset': 'closed',
    'receive-data': 'protocol.stream-state',
    'receive-end': 'protocol.stream-state',
    'receive-credit': 'remote-ended',
    'receive-reset': 'closed',
  },
  // A closed stream's frames may still be on their way: they are dropped, whatever they are.
  closed: {
    'send-end': 'closed',
    'send-reset': 'closed',
    'receive-data': 'closed',
    'receive-end': 'closed',
    'receive-credit': 'closed',
    'receive-reset': 'closed',
  },
};
