// Whatever went wrong arrives as a code; the visitor gets its status and a page, or problem+json, that says what to do.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { failurePage, pageStyle } from './failure-page.ts';
import { missingFrom } from './response-policy.ts';
import type { FieldLines, VisitorRequest, VisitorResponse } from './visitor.ts';

/** Everything a visitor can be refused with. Stable; infra/guides/troubleshooting.md explains each. */
export type EdgeFailureCode =
  | 'edge.bad-request'
  | 'edge.misdirected'
  | 'edge.fields-too-large'
  | 'edge.target-too-long'
  | 'edge.method'
  | 'edge.expectation'
  | 'edge.protocol'
  | 'edge.body-too-large'
  | 'edge.timeout'
  | 'edge.busy'
  | 'edge.overloaded'
  | 'edge.denied'
  | 'edge.banned'
  | 'edge.insecure'
  | 'edge.challenge'
  | 'edge.webauthn'
  | 'edge.internal'
  | 'quota.bytes'
  | 'quota.streams'
  | 'tunnel.unknown'
  | 'tunnel.suspended'
  | 'tunnel.offline'
  | 'tunnel.lost'
  | 'origin.unreachable'
  | 'origin.untrusted'
  | 'origin.timeout'
  | 'origin.closed'
  | 'origin.bad-response'
  | 'origin.too-large'
  | 'origin.no-websocket';

export interface EdgeFailure {
  readonly status: number;
  readonly title: string;
  /** What happened, and what the visitor can do about it. */
  readonly sentence: string;
  /** What only the server's owner can do about it. */
  readonly ownerHint?: string;
  /** Seconds, for Retry-After. */
  readonly retryAfter?: number;
}

export const edgeFailures: Record<EdgeFailureCode, EdgeFailure> = {
  'edge.bad-request': {
    status: 400,
    title: 'This request is not clear',
    sentence:
      'The request breaks a rule of HTTP and was not passed on. Check the address for stray characters; a program that sent it needs fixing.',
  },
  'edge.misdirected': {
    status: 421,
    title: 'Wrong connection for this name',
    sentence:
      'This connection was opened for another name. Reload the page; if it comes back, close the other tabs of this site first.',
  },
  'edge.fields-too-large': {
    status: 431,
    title: 'The request is too large',
    sentence:
      'The header fields of the request are more or longer than this hub takes, most often because of cookies. Delete the cookies of this site and try again.',
  },
  'edge.target-too-long': {
    status: 414,
    title: 'The address is too long',
    sentence: 'The path and query of the request exceed the limit. Shorten the address.',
  },
  'edge.method': {
    status: 405,
    title: 'This method is not offered here',
    sentence: 'CONNECT and TRACE are never passed on. Use another method.',
  },
  'edge.expectation': {
    status: 417,
    title: 'An expectation that cannot be met',
    sentence:
      'The only expectation understood here is 100-continue. Send the request without the Expect field.',
  },
  'edge.protocol': {
    status: 501,
    title: 'This protocol is not carried here',
    sentence:
      'The one protocol that a connection may change to is WebSocket. Ask for `websocket`, or send an ordinary request.',
  },
  'edge.body-too-large': {
    status: 413,
    title: 'The upload is wrapped in too much',
    sentence:
      'The chunks of the request carry more than 16 KiB of extensions. Send it without them; an upload itself may have any size.',
  },
  'edge.timeout': {
    status: 408,
    title: 'The request took too long to arrive',
    sentence:
      'The request did not arrive whole in time. Try again, on a better connection if there is one.',
  },
  'edge.busy': {
    status: 503,
    title: 'Too many at once',
    sentence:
      'As many requests are under way as this server, or one visitor of it, may have. Try again in a few seconds.',
    retryAfter: 5,
  },
  'edge.overloaded': {
    status: 503,
    title: 'The hub is full',
    sentence: 'The hub has no memory left for another request. Try again in a few seconds.',
    retryAfter: 10,
  },
  'edge.denied': {
    status: 403,
    title: 'Not from outside',
    sentence:
      'This address of the media server can be used at its home only, so the hub did not pass the request on.',
  },
  'edge.banned': {
    status: 403,
    title: 'This address is shut out',
    sentence:
      'Whoever runs this hub has banned the network address that you come from. It may be one that you share with others: ask whoever runs the hub, or come by another line.',
  },
  'edge.insecure': {
    status: 403,
    title: 'Only over HTTPS',
    sentence:
      'Nobody signs in over a line that others can read. Write https:// in front of the address. If you did, whoever runs this hub has to let the proxy in front of it say so, with X-Forwarded-Proto: https.',
  },
  'edge.challenge': {
    status: 404,
    title: 'Nothing is proved here',
    sentence:
      'Under this path authorities look whether a name belongs to this hub, and the hub itself answers them. Requests for it are not passed on.',
  },
  'edge.webauthn': {
    status: 404,
    title: 'No passkeys are shared',
    sentence:
      'Under this path browsers look which other sites may use the passkeys of this one. None may, so requests for it are not passed on.',
  },
  'edge.internal': {
    status: 500,
    title: 'Something broke here',
    sentence:
      'The hub itself failed. Try again; if it goes on, send the request id below to whoever runs this hub.',
  },
  'quota.bytes': {
    status: 429,
    title: "This month's traffic is used up",
    sentence:
      'This media server, or all of its owner together, has moved as many bytes as it may in a month. What was playing went on to its end; new requests are taken again from the first of next month, UTC.',
    ownerHint:
      'The page of this server at the hub shows its traffic and its limit; whoever set the limit can raise it, at once.',
  },
  'quota.streams': {
    status: 429,
    title: 'Every place is taken',
    sentence:
      'As many streams of this media server, or of its owner, run as may run at once. Try again when somebody has finished.',
    ownerHint:
      'The page of this server at the hub shows who watches, and the limit; whoever set the limit can raise it, at once.',
    retryAfter: 10,
  },
  'tunnel.unknown': {
    status: 404,
    title: 'No server has this name',
    sentence:
      'There is no media server at this address. Check the spelling; its owner may have renamed it.',
  },
  // 403, not 451: RFC 7725 keeps that one for a legal demand, and most suspensions are an operator's own word.
  'tunnel.suspended': {
    status: 403,
    title: 'This server is suspended',
    sentence:
      'Whoever runs this hub has closed this address for now. Nothing is wrong with your connection, and trying again does not help.',
    ownerHint:
      'Sign in at the hub: the page of this server says why, and whom to write to. Nothing of it was deleted, and its name is kept for you.',
  },
  'tunnel.offline': {
    status: 503,
    title: 'This server is offline',
    sentence:
      'The name is right, but the media server is not connected just now. Try again in a moment.',
    ownerHint:
      'Check that the machine is on and that phlix-agent runs there; `phlix-agent status` says more.',
    retryAfter: 10,
  },
  'tunnel.lost': {
    status: 502,
    title: 'The connection to the server broke',
    sentence:
      'The tunnel to the media server was cut before it answered. It reconnects by itself: try again in a few seconds.',
    retryAfter: 5,
  },
  'origin.unreachable': {
    status: 502,
    title: 'The media server does not answer',
    sentence:
      'The tunnel is up, but nothing accepts connections behind it. Try again later, or tell the owner of the server.',
    ownerHint: 'Start the media server, or correct `PHLIX_ORIGIN_URL` at the agent.',
    retryAfter: 10,
  },
  'origin.untrusted': {
    status: 502,
    title: 'The media server is not trusted',
    sentence:
      'Something answers behind the tunnel, but its certificate is not one that the agent trusts, so nothing was sent to it. Trying again does not help: tell the owner of the server.',
    ownerHint:
      "The agent's log says what is wrong with the certificate, and `phlix-agent doctor` too. If it is your media server's: write `PHLIX_ORIGIN_URL` with a name that is in it, or set `PHLIX_ORIGIN_CA_FILE` to the certificate of its authority, or `PHLIX_ORIGIN_PIN` to its key.",
  },
  'origin.timeout': {
    status: 504,
    title: 'The media server is too slow',
    sentence: 'The media server accepted the request and then stayed silent. Try again in a while.',
    ownerHint:
      'Look whether the media server is overloaded or hangs; its log says what it was busy with.',
  },
  'origin.closed': {
    status: 502,
    title: 'The media server hung up',
    sentence: 'The media server closed the connection before its answer was complete. Try again.',
    ownerHint:
      'Look into the log of the media server at this moment; it may have crashed or restarted.',
  },
  'origin.bad-response': {
    status: 502,
    title: 'The answer of the media server is not clear',
    sentence:
      'The media server answered with something that is not safe HTTP/1.1, so it was not passed on. Tell the owner of the server.',
    ownerHint:
      'Check that `PHLIX_ORIGIN_URL` names the port on which the media server speaks plain HTTP, not its HTTPS port.',
  },
  'origin.no-websocket': {
    status: 501,
    title: 'No WebSocket here',
    sentence:
      'The media server speaks HTTP/2 without TLS and offers no WebSocket over it. Nothing is wrong with your connection: ask the owner of the server.',
    ownerHint:
      'Let the media server offer extended CONNECT (RFC 8441), or write `PHLIX_ORIGIN_URL` with `http://`.',
  },
  'origin.too-large': {
    status: 502,
    title: 'The answer of the media server is too large',
    sentence:
      'The header fields of the answer exceed 64 KiB or 200 lines. Delete the cookies of this site and try again.',
    ownerHint: 'Look for cookies or policies that grow without end.',
  },
};

/** What the caller knows beyond the code. */
export interface FailureDetail {
  /** In place of the code's own. */
  readonly sentence?: string;
  readonly ownerHint?: string;
  /** Seconds, where it is known better than the code knows it. */
  readonly retryAfter?: number;
  /** The entry of the deny-list, for programs. */
  readonly entry?: string;
  /** When a ban ends, RFC 3339; null: never by itself. For programs. */
  readonly until?: string | null;
  /** The visitor's cookies are too much to be sent: nobody could ever come back with them. */
  readonly hasFullJar?: boolean;
}

/**
 * Answers with a failure: a page for browsers, problem+json (RFC 9457) for programs. Once a head has gone out only a
 * cut connection is still honest.
 */
export function answerFailure(
  response: VisitorResponse,
  request: Pick<VisitorRequest, 'id' | 'hostname' | 'wantsPage' | 'method' | 'ownFields' | 'meter'>,
  code: EdgeFailureCode,
  detail: FailureDetail = {},
): void {
  if (response.isHeadSent) {
    response.destroy();
    return;
  }
  const failure = { ...edgeFailures[code], ...detail };
  const { sentence, ownerHint } = failure;
  const { hostname, id: requestId } = request;
  const body = Buffer.from(
    request.wantsPage
      ? failurePage({ ...failure, code, sentence, ownerHint, hostname, requestId })
      : problem(code, failure, requestId),
  );
  request.meter?.failed(failure.status, 'text/html');
  response.head(failure.status, failureFields(failure, request, body.length));
  if (request.method !== 'HEAD') response.write(body);
  response.end();
}

/** RFC 9457. The type is a name, not an address: nothing is fetched to understand an error. */
function problem(
  code: EdgeFailureCode,
  failure: EdgeFailure & FailureDetail,
  requestId: string,
): string {
  const { sentence, entry, until } = failure;
  const hint = failure.ownerHint === undefined ? '' : ` If it is your server: ${failure.ownerHint}`;
  return `${JSON.stringify({
    type: `urn:phlix-hub:error:${code}`,
    title: failure.title,
    status: failure.status,
    detail: sentence + hint,
    code,
    ...(entry === undefined ? {} : { entry }),
    ...(until === undefined ? {} : { until }),
    instance: `urn:uuid:${requestId}`,
  })}\n`;
}

/** For pages of the edge's own: one style, and nothing else. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function failureFields(
  failure: EdgeFailure & FailureDetail,
  request: Pick<VisitorRequest, 'id' | 'wantsPage' | 'ownFields'>,
  length: number,
): FieldLines {
  const fields = [
    'content-type',
    request.wantsPage ? 'text/html; charset=utf-8' : 'application/problem+json',
    'content-length',
    String(length),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    request.id,
  ];
  if (request.wantsPage) {
    fields.push('content-security-policy', pagePolicy, 'referrer-policy', 'no-referrer');
  }
  // What a page of the edge's own says of itself is stricter than what all the hub's answers say.
  fields.push(...missingFrom(fields, request.ownFields));
  // A jar that other sites of the domain have filled: without this its owner could not come back (security row A-20). For
  // nothing else: browsers empty the jars of the hub and of all its servers, and the visitor is logged out everywhere.
  if (failure.status === 431 && failure.hasFullJar === true)
    fields.push('clear-site-data', '"cookies"');
  if (failure.retryAfter !== undefined) fields.push('retry-after', String(failure.retryAfter));
  // RFC 9110 §15.5.6 wants the list; what is refused here is refused for every target.
  if (failure.status === 405) fields.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  return fields;
}
