// Errors of the rooms below arrive; the one code that a visitor may be told leaves.

import { CodedError } from '../../shared/errors.ts';
import { MessageError } from '../../shared/http/field-section.ts';
import type { MessageErrorCode } from '../../shared/http/field-section.ts';
import { StreamError } from '../../shared/mux/stream.ts';
import type { StreamErrorCode } from '../../shared/mux/stream.ts';
import type { ResetReason } from '../../shared/wire/codes.ts';
import type { EdgeFailureCode } from './failure.ts';

/** What the edge itself finds wrong on the way of a request. */
export class EdgeError extends CodedError<EdgeFailureCode> {}

/** The failure that an error means to the visitor; one that nobody foresaw is the hub's own. */
export function failureCode(error: unknown): EdgeFailureCode {
  if (error instanceof EdgeError) return error.code;
  if (error instanceof MessageError) return codeOfMessage[error.code];
  if (!(error instanceof StreamError)) return 'edge.internal';
  return error.code === 'stream.reset'
    ? codeOfReset[error.reason ?? 'internal']
    : codeOfStream[error.code];
}

const codeOfMessage: Record<MessageErrorCode, EdgeFailureCode> = {
  'http.malformed': 'origin.bad-response',
  'http.too-large': 'origin.too-large',
  // Only what we send can be unsafe, and all of that came with the request.
  'http.unsafe': 'edge.bad-request',
};

const codeOfReset: Record<ResetReason, EdgeFailureCode> = {
  cancelled: 'origin.closed',
  refused: 'edge.busy',
  'origin-unreachable': 'origin.unreachable',
  'origin-untrusted': 'origin.untrusted',
  'origin-timeout': 'origin.timeout',
  'origin-closed': 'origin.closed',
  'idle-timeout': 'origin.timeout',
  // The agent failed; towards the visitor that is the tunnel, not the media server.
  internal: 'tunnel.lost',
};

const codeOfStream: Record<Exclude<StreamErrorCode, 'stream.reset'>, EdgeFailureCode> = {
  'stream.refused': 'edge.busy',
  'stream.link-lost': 'tunnel.lost',
};
