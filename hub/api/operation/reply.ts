// What an operation wants to say beside its body leaves here: cookies, or bytes that are no JSON.

import type { CookieChange } from '../doors/cookies.ts';

interface ReplyExtras {
  readonly cookies?: readonly CookieChange[];
}

/** Returned by an operation instead of its bare body. */
export class Reply<Body> {
  readonly body: Body;
  readonly extras: ReplyExtras;

  constructor(body: Body, extras: ReplyExtras) {
    this.body = body;
    this.extras = extras;
  }
}

/** An answer as long as it likes, of the type that the operation says it produces. */
export interface Stream {
  readonly content: ReadableStream<Uint8Array>;
  /** A browser saves it under this name. */
  readonly fileName?: string;
}

export function reply<Body>(body: Body, extras: ReplyExtras): Reply<Body> {
  return new Reply(body, extras);
}
