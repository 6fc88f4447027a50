// A request of Node's arrives with what the doors know of it: who is at its other end, and by which door it came; Hono's rooms read it back here.

import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';

import type { Http2Bindings, HttpBindings } from '@hono/node-server';

import type { Caller } from '../../accounts/caller.ts';
import type { CookieName } from './cookies.ts';

export interface Arrival {
  /** The client's address, canonical; undefined: a proxy did not say. */
  readonly address: string | undefined;
  /** Of the connection's other end: what limits count by where the client is unknown. */
  readonly peer: string | undefined;
  /** An answer that goes on for as long as somebody listens is not cut by the door. */
  readonly keepOpen: () => void;
}

export interface HubEnv {
  /** What Node knows about a request, beside Hono's own view of it. */
  Bindings: HttpBindings | Http2Bindings;
  Variables: {
    readonly caller: Caller;
    readonly cookies: ReadonlyMap<CookieName, string>;
    readonly requestId: string;
    /** What admins have is there for this request: its door and its address are right (security rows A-14, E-13). */
    readonly isAdminDoorOpen: boolean;
    /** Of the problem that the answer is. */
    readonly problemCode: string | undefined;
  };
}

const arrivals = new WeakMap<object, Arrival>();

export function noteArrival(
  request: IncomingMessage | Http2ServerRequest,
  arrival: Arrival | undefined,
): void {
  if (arrival !== undefined) arrivals.set(request, arrival);
}

/** Nobody, where no door said who: nothing may then be granted for an address. */
export function arrivalOf(request: IncomingMessage | Http2ServerRequest): Arrival {
  return (
    arrivals.get(request) ?? { address: undefined, peer: undefined, keepOpen: () => undefined }
  );
}
