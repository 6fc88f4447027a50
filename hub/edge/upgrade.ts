// A visitor's WebSocket handshake arrives with its raw connection; after the origin's 101 the two connections are one pipe.

import { encodeResponseHead, hasToken } from '../../shared/http/head.ts';
import type { ResponseHead } from '../../shared/http/head.ts';
import { endToEndFields } from '../../shared/http/hop-by-hop.ts';
import { answerFailure } from './failure.ts';
import { defaultForwardOptions, Forwarding } from './forward.ts';
import type { ForwardOptions } from './forward.ts';
import { upgradeFields } from './forwarded.ts';
import { SocketResponse } from './socket-response.ts';
import { Splice } from './splice.ts';
import type { Tunnel } from './stream-pool.ts';
import type { FieldLines, VisitorRequest, VisitorUpgrade } from './visitor.ts';

/** Any answer but 101 goes to the visitor as the ordinary response it is, and closes the connection. */
export function forwardUpgrade(
  request: VisitorRequest,
  upgrade: VisitorUpgrade,
  tunnel: Tunnel,
  options: ForwardOptions = defaultForwardOptions,
): void {
  const { socket, firstBytes, protocol } = upgrade;
  const response = new SocketResponse(socket);
  // h2c would open a second way past this front; a body would be read as the first bytes of the new protocol.
  if (!hasToken(protocol, 'websocket') || request.method !== 'GET' || request.body !== undefined) {
    answerFailure(response, request, 'edge.bad-request', 'Only WebSocket upgrades are passed on.');
    return;
  }
  const splice = new Splice(socket, firstBytes, options.idleTimeoutMs);
  new Forwarding(request, response, tunnel, options, {
    protocol: 'websocket',
    take: (connection, head, bytes) => {
      response.release();
      splice.start(
        connection,
        encodeResponseHead(101, 'Switching Protocols', switchFields(head)),
        bytes,
      );
    },
  }).start(upgradeFields(request));
}

/** Sec-WebSocket-* as the origin wrote them; the hop's own two fields are ours. */
function switchFields(head: ResponseHead): FieldLines {
  return [...endToEndFields(head.fields), 'connection', 'Upgrade', 'upgrade', 'websocket'];
}
