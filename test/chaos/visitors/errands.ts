// What a visitor is to fetch, send or talk about arrives; a visit leaves that does it and knows every byte beforehand.

import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';

import { WebSocket } from 'ws';

import { contentBytes, contentHash } from '../../support/content.ts';
import { type Answer, type Ask, askHttp1, askHttp2, firstOf, refusalOf } from './exchange.ts';
import { type Door, Verdict, Visit } from './visit.ts';

export type HttpVersion = 'HTTP/1.1' | 'HTTP/2';

/** More than any test waits for: 4 TiB. */
const endlessBytes = 2 ** 42;

const versions: Record<HttpVersion, { protocol: 'h2' | 'http/1.1'; ask: Ask }> = {
  'HTTP/1.1': { protocol: 'http/1.1', ask: askHttp1 },
  'HTTP/2': { protocol: 'h2', ask: askHttp2 },
};

export interface DownloadOptions {
  readonly version?: HttpVersion;
  readonly bytes?: number;
  /** Where the asked range begins; absent: no range is asked for. */
  readonly from?: number;
  /** Without Content-Length. */
  readonly isChunked?: boolean;
}

export function download(door: Door, options: DownloadOptions = {}): Visit {
  const { version = 'HTTP/1.1', bytes = endlessBytes, from, isChunked = false } = options;
  const { protocol, ask } = versions[version];
  const kind = isChunked ? 'chunked' : from === undefined ? 'film' : 'range';
  return new Visit(`${kind} over ${version}`, door, protocol, async (visit, connection) => {
    const answer = await ask(door, connection, {
      path: `/${isChunked ? 'chunked' : 'content'}/film/${bytes}`,
      ...(from !== undefined && { range: `bytes=${from}-` }),
    });
    if (answer.status !== (from === undefined ? 200 : 206)) throw await refusalOf(answer);
    let at = from ?? 0;
    await readWhole(visit, answer, bytes - at, (length) => {
      at += length;
      return contentBytes('film', at - length, length);
    });
  });
}

/** Server-sent events without end. */
export function listen(door: Door, version: HttpVersion = 'HTTP/1.1'): Visit {
  const { protocol, ask } = versions[version];
  return new Visit(`events over ${version}`, door, protocol, async (visit, connection) => {
    const answer = await ask(door, connection, { path: '/events?count=1000000000&everyMs=10' });
    if (answer.status !== 200) throw await refusalOf(answer);
    let [id, text] = [0, ''];
    await readWhole(visit, answer, Infinity, (length) => {
      while (text.length < length) text += `id: ${(id += 1)}\ndata: event ${id}\n\n`;
      const piece = text.slice(0, length);
      text = text.slice(length);
      return Buffer.from(piece);
    });
  });
}

/** The origin tells what arrived, by hash. */
export function upload(door: Door, version: HttpVersion, bytes = endlessBytes): Visit {
  const { protocol, ask } = versions[version];
  return new Visit(`upload over ${version}`, door, protocol, async (visit, connection) => {
    const pieces = Readable.from(uploadPieces(visit, bytes), { objectMode: false });
    const answer = await ask(door, connection, { path: '/upload', upload: pieces });
    if (answer.status !== 200) throw await refusalOf(answer);
    const seen = (await json(answer.body)) as { bytes: number; sha256: string };
    if (seen.bytes !== bytes || seen.sha256 !== contentHash('upload', 0, bytes)) {
      throw new Verdict('wrong', `the origin took ${seen.bytes} of ${bytes} bytes for the whole`);
    }
  });
}

/** Over WebSocket, each message waited for before the next is sent. */
export function chat(door: Door, messages = Infinity): Visit {
  return new Visit('WebSocket', door, 'http/1.1', async (visit, connection) => {
    const url = `wss://${door.hostname}:${door.port}/socket`;
    const socket = new WebSocket(url, {
      createConnection: () => connection,
      perMessageDeflate: false,
    });
    socket.on('error', () => undefined);
    await firstOf(socket, 'open').catch((error: Error) => {
      throw error.message.startsWith('Unexpected server')
        ? new Verdict('refused', error.message)
        : error;
    });
    const over = farewell(socket);
    over.catch(() => undefined);
    for (let count = 0; count < messages; count += 1) {
      await visit.passage();
      const sent = contentBytes('chat', count * 4096, 4096);
      const heard = firstOf(socket, 'message');
      socket.send(sent);
      visit.check((await Promise.race([over, heard])) as Buffer, sent);
    }
    socket.close();
    await firstOf(socket, 'close');
  });
}

/** One small request on a connection of its own. */
export function glance(door: Door): Visit {
  return download(door, { bytes: 1000 });
}

async function readWhole(
  visit: Visit,
  answer: Answer,
  bytes: number,
  expected: (length: number) => Buffer,
): Promise<void> {
  const before = visit.checkedBytes;
  for await (const piece of answer.body) {
    await visit.passage();
    visit.check(piece as Buffer, expected((piece as Buffer).length));
  }
  if (!answer.isWhole()) throw new Verdict('cut', 'the connection broke');
  const arrived = visit.checkedBytes - before;
  if (arrived !== bytes) {
    throw new Verdict('wrong', `${visit.name}: ended cleanly after ${arrived} of ${bytes} bytes`);
  }
}

async function* uploadPieces(visit: Visit, bytes: number): AsyncGenerator<Buffer> {
  const pieceBytes = 65_536;
  for (let at = 0; at < bytes; at += pieceBytes) {
    await visit.passage();
    const length = Math.min(pieceBytes, bytes - at);
    yield contentBytes('upload', at, length);
    visit.advance(length);
  }
}

/** A close frame that neither end of the conversation has sent would be an invention of the tunnel. */
function farewell(socket: WebSocket): Promise<never> {
  return new Promise((_, reject) => {
    socket.once('close', (code) => {
      const isCut = code === 1006;
      reject(new Verdict(isCut ? 'cut' : 'wrong', `WebSocket closed with code ${code}`));
    });
  });
}
