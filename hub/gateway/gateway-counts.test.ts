import { expect, test } from 'vitest';

import { ProtocolError } from '../../shared/errors.ts';
import { HandshakeError } from '../../shared/mux/handshake.ts';
import { arrivalKind, resultOf } from './gateway-counts.ts';

test('each end of a handshake has a word from a closed list', () => {
  const ends: [unknown, string][] = [
    [new ProtocolError('protocol.malformed', 'no hello'), 'protocol'],
    [new HandshakeError('handshake.timeout', 'too late'), 'timeout'],
    [new HandshakeError('handshake.closed', 'gone'), 'closed'],
    [new HandshakeError('handshake.refused', 'unknown agent', 'unauthorised'), 'unauthorised'],
    [new HandshakeError('handshake.version', 'too old'), 'version-unsupported'],
    [new Error('the TLS connection was gone'), 'closed'],
  ];
  for (const [error, result] of ends) expect(resultOf(error)).toBe(result);
});

test('a server that was here before comes back with its first link, and not with the second', () => {
  const seen = { lastSeenAt: new Date() };
  expect(arrivalKind(seen, true)).toBe('again');
  expect(arrivalKind(seen, false)).toBe('further');
  expect(arrivalKind({ lastSeenAt: undefined }, true)).toBe('new');
});
