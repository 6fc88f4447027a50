// A visitor's connection and a request arrive; the answer leaves with a body to read, and with the word whether it came whole.

import { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';

import { type Door, Verdict } from './visit.ts';

export interface Request {
  readonly path: string;
  readonly range?: string;
  /** Of a length that nobody is told: chunked in HTTP/1.1. */
  readonly upload?: Readable;
}

export interface Answer {
  readonly status: number;
  readonly body: Readable;
  /** To be asked when the body has ended: whether HTTP says that nothing is missing. */
  isWhole(): boolean;
}

export type Ask = (door: Door, connection: TLSSocket, request: Request) => Promise<Answer>;

/** A chunked body without its last chunk, or one shorter than its length, leaves `complete` false. */
export async function askHttp1(
  door: Door,
  connection: TLSSocket,
  { path, range, upload }: Request,
): Promise<Answer> {
  const asked = request({
    createConnection: () => connection,
    method: upload === undefined ? 'GET' : 'POST',
    path,
    headers: { host: `${door.hostname}:${door.port}`, ...(range !== undefined && { range }) },
  });
  asked.on('error', ignore);
  send(upload, asked);
  const message = (await firstOf(asked, 'response')) as IncomingMessage;
  return {
    status: message.statusCode ?? 0,
    body: message,
    isWhole: () => message.complete,
  };
}

/** Any reset or lost session leaves the stream aborted, or with a code. */
export async function askHttp2(
  door: Door,
  connection: TLSSocket,
  { path, range, upload }: Request,
): Promise<Answer> {
  const session = connect(`https://${door.hostname}:${door.port}`, {
    createConnection: () => connection,
  });
  session.on('error', ignore);
  let seen = 0;
  const listening = setInterval(() => {
    const moved = connection.bytesRead + connection.bytesWritten;
    if (moved === seen) listenAgain(connection);
    seen = moved;
  }, listenMs);
  connection.once('close', () => clearInterval(listening));
  const stream = session.request(
    {
      ':path': path,
      ':method': upload === undefined ? 'GET' : 'POST',
      ...(range !== undefined && { range }),
    },
    { endStream: upload === undefined },
  );
  stream.on('error', ignore);
  send(upload, stream);
  const fields = (await firstOf(stream, 'response')) as { ':status'?: number };
  return {
    status: fields[':status'] ?? 0,
    body: stream,
    isWhole: () => !stream.aborted && (stream.rstCode ?? 0) === 0,
  };
}

/** Without a byte in either direction for so long, the kernel is asked. Small against every time that is measured with it. */
const listenMs = 200;

/**
 * node:http2 reads nothing while a write waits; a write that meets the reset of a TLS connection waits for ever, and the client
 * never hears of the end (nodejs/node#42710): the kernel has closed the socket, and nobody asks it. Reading asks, and tells what
 * the kernel knows and no more: a connection that the hub leaves open stays open.
 */
function listenAgain(connection: TLSSocket): void {
  const { _handle: handle } = connection as { _handle?: { readStart(): number } | null };
  handle?.readStart();
}

/** The code of a failure's problem+json. */
export async function refusalOf({ status, body }: Answer): Promise<Verdict> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString('utf8');
  const code = /"code":"([a-z.-]+)"/.exec(text)?.[1];
  return new Verdict('refused', code ?? `${status} without a code`);
}

/** The event's first argument. @throws when 'error' or 'close' comes before it */
export function firstOf(emitter: EventEmitter, event: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const close = (): void => reject(new Error(`closed before ${event}`));
  emitter.once(event, resolve).once('error', reject).once('close', close);
  return promise.finally(() => {
    emitter.off(event, resolve).off('error', reject).off('close', close);
  });
}

/** An upload that breaks off is told by the answer, or by its absence. */
function send(upload: Readable | undefined, asked: Writable & { end(): unknown }): void {
  if (upload === undefined) asked.end();
  else pipeline(upload, asked).catch(ignore);
}

function ignore(): void {}
