// What the two sides of the front need from outside, declared here and brought by the composition root.

import type { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';

import type { AbuseDesk } from './abuse-page.ts';
import type { ForwardOptions } from './forward.ts';
import type { EdgeLimits } from './limits.ts';
import type { RoutingOptions } from './routing.ts';

/** Who sent a request. */
export interface Sender {
  /** The client's address, canonical; undefined: a trusted proxy did not say. */
  readonly address: string | undefined;
  /** Of whoever is at the other end of the connection. */
  readonly peer: string;
  /** Said of an answer that goes on for as long as somebody listens: whoever gives it sees to its end. */
  readonly keepOpen: () => void;
}

/** The hub's own pages and API, for requests to its own name. They have passed normalize.ts; the messages are as they came. */
export interface HubPages {
  readonly onRequest: (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    sender: Sender,
  ) => void;
  /** An HTTP/1.1 upgrade to WebSocket, with whatever followed its head: agents come this way where 8802 is blocked. */
  readonly onUpgrade: (
    request: IncomingMessage,
    socket: Socket,
    firstBytes: Buffer,
    peer: string,
  ) => void;
}

/**
 * How long an idle connection is kept in a drain. Whoever asks in this time is answered and told that it was the last answer;
 * an end without a word would meet some of the requests that are already on their way, one round trip of them.
 */
export const lastCallMs = 1000;

export interface FrontOptions extends RoutingOptions {
  readonly hub: HubPages;
  readonly limits: EdgeLimits;
  /** Whom visitors tell of abuse. */
  readonly abuse?: AbuseDesk;
  readonly forwarding?: ForwardOptions;
}
