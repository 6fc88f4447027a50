// What the two sides of the front need from outside, declared here and brought by the composition root.

import type { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';

import type { ForwardOptions } from './forward.ts';
import type { EdgeLimits } from './limits.ts';
import type { RoutingOptions } from './routing.ts';

/** The hub's own pages and API, for requests to its own name. They have passed normalize.ts; the messages are as they came. */
export interface HubPages {
  readonly onRequest: (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => void;
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, firstBytes: Buffer) => void;
}

export interface FrontOptions extends RoutingOptions {
  readonly hub: HubPages;
  readonly limits: EdgeLimits;
  readonly forwarding?: ForwardOptions;
}
