// A visitor's WebSocket handshake arrives with its raw connection or stream; after the origin's 101 the two byte pipes are one.

import type { ResponseHead } from '../../shared/http/head.ts';
import { endToEndFields } from '../../shared/http/hop-by-hop.ts';
import { answerFailure } from './failure.ts';
import { defaultForwardOptions, Forwarding } from './forward.ts';
import type { ForwardOptions } from './forward.ts';
import { upgradeFields } from './forwarded.ts';
import type { OriginConnection } from './origin-connection.ts';
import { tenantFields } from './response-policy.ts';
import { Splice } from './splice.ts';
import type { Tunnel } from './stream-pool.ts';
import type { FieldLines, VisitorRequest, VisitorUpgrade } from './visitor.ts';
import { websocketAccept } from './websocket-accept.ts';

/** Any answer but 101 goes to the visitor as the ordinary response it is. */
export function forwardUpgrade(
  request: VisitorRequest,
  upgrade: VisitorUpgrade,
  tunnel: Tunnel,
  options: ForwardOptions = defaultForwardOptions,
): void {
  const { response, key } = upgrade;
  // A body would be read as the first bytes of the new protocol.
  if (request.method !== 'GET' || request.body !== undefined) {
    const sentence = 'A WebSocket begins with a plain GET.';
    answerFailure(response, request, 'edge.bad-request', { sentence });
    return;
  }
  const splice = new Splice(upgrade, options.idleTimeoutMs, request.meter);
  new Forwarding(request, response, tunnel, options, {
    protocol: 'websocket',
    take: (connection, head, bytes) => {
      if (key !== undefined && !accepts(head, key))
        return refuseSwitch(request, upgrade, connection);
      request.meter?.answered(101);
      upgrade.agree(tenantFields(agreedFields(head, key), request, options.onCurbed));
      splice.start(connection, bytes);
      return undefined;
    },
  }).start(key === undefined ? upgradeFields(request) : keyedFields(request, key));
}

/** The handshake of a visitor who speaks HTTP/2: the key is ours, and the one version there is may be left unsaid. */
function keyedFields(request: VisitorRequest, key: string): FieldLines {
  const fields = ['sec-websocket-key', key];
  if (!request.fields.some((name, at) => at % 2 === 0 && name === 'sec-websocket-version'))
    fields.push('sec-websocket-version', '13');
  return [...without(upgradeFields(request), 'sec-websocket-key'), ...fields];
}

/** What is left of a 101: Sec-WebSocket-Protocol and -Extensions as the origin wrote them. It has no body to describe. */
function agreedFields(head: ResponseHead, key: string | undefined): FieldLines {
  const fields = without(endToEndFields(head.fields), 'content-length');
  return key === undefined ? fields : without(fields, 'sec-websocket-accept');
}

/** RFC 6455 §4.2.2: whoever answers with this has understood the question, and is no cache that repeats itself. */
function accepts(head: ResponseHead, key: string): boolean {
  const at = head.fields.findIndex((name, i) => i % 2 === 0 && name === 'sec-websocket-accept');
  return at >= 0 && head.fields[at + 1] === websocketAccept(key);
}

function refuseSwitch(
  request: VisitorRequest,
  { response }: VisitorUpgrade,
  connection: OriginConnection,
): void {
  connection.reset('cancelled');
  answerFailure(response, request, 'origin.bad-response');
}

function without(fields: FieldLines, unwanted: string): FieldLines {
  return fields.filter((_, at) => fields[at - (at % 2)] !== unwanted);
}
