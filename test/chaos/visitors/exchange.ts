// A visitor's connection and a request arrive; the answer leaves with a body to read, and with the word whether it came whole.

import { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';

import { type Door, Verdict } from './visit.ts';

interface Request {
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

/** One request after the other, on one connection. */
export type Talk = (request: Request) => Promise<Answer>;
export type StartTalk = (door: Door, connection: TLSSocket) => Talk;

/** A chunked body without its last chunk, or one shorter than its length, leaves `complete` false. */
export function talkHttp1(door: Door, connection: TLSSocket): Talk {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = (_options, onCreated) => {
    if (!connection.destroyed && connection.writable) return connection;
    onCreated?.(new Error('closed between two answers'), connection);
    return undefined;
  };
  return async (asking) => askHttp1(door, agent, asking);
}

async function askHttp1(
  door: Door,
  agent: Agent,
  { path, range, upload }: Request,
): Promise<Answer> {
  const asked = request({
    agent,
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

/**
 * Any reset or lost session leaves the stream aborted, or with a code; except one that is lost while it says goodbye, which
 * node:http2 takes for a clean end.
 */
export function talkHttp2(door: Door, connection: TLSSocket): Talk {
  const session = connect(`https://${door.hostname}:${door.port}`, {
    createConnection: () => connection,
    settings: { initialWindowSize: windowBytes },
  });
  session.on('error', ignore);
  session.once('connect', () => session.setLocalWindowSize(windowBytes));
  let seen = 0;
  const listening = setInterval(() => {
    const moved = connection.bytesRead + connection.bytesWritten;
    if (moved === seen) listenAgain(connection);
    seen = moved;
  }, listenMs);
  connection.once('close', () => clearInterval(listening));
  return async (asking) => askHttp2(session, asking);
}

async function askHttp2(
  session: ClientHttp2Session,
  { path, range, upload }: Request,
): Promise<Answer> {
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
  const fields = (await firstOf(stream, 'response')) as IncomingHttpHeaders & {
    ':status'?: number;
  };
  const promised = Number(fields['content-length'] ?? Number.NaN);
  let arrived = 0;
  // node:http2 drops what nobody has read yet when the connection ends, which is allowed to behind the last answer: from its
  // goodbye on all is read at once.
  let isLeaving = false;
  const body = new PassThrough({ highWaterMark: windowBytes });
  body.on('error', ignore).on('drain', () => stream.resume());
  session.once('goaway', () => {
    isLeaving = true;
    stream.resume();
  });
  stream.on('data', (piece: Buffer) => {
    arrived += piece.length;
    if (!body.write(piece) && !isLeaving) stream.pause();
  });
  stream.once('end', () => body.end());
  // A stream that its session takes along closes without an end and without an error.
  stream.once('close', () => {
    if (stream.readableEnded) return;
    if (arrived >= promised) body.end();
    else body.destroy(new Error('closed before its end'));
  });
  return {
    status: fields[':status'] ?? 0,
    body,
    isWhole: () =>
      arrived >= promised ||
      (!stream.aborted && (stream.rstCode ?? 0) === 0 && Number.isNaN(promised)),
  };
}

/** Without a byte in either direction for so long, the kernel is asked. Small against every time that is measured with it. */
const listenMs = 20;
/** Browsers grant more. With the 64 KiB that nobody has to ask for, a busy machine would be what limits a film. */
const windowBytes = 2 ** 20;

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
