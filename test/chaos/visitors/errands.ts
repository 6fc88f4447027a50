// What a visitor is to fetch, send or talk about arrives; a visit leaves that does it and knows every byte beforehand.

import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { json, text } from 'node:stream/consumers';

import { WebSocket } from 'ws';

import { contentBytes, contentHash } from '../../support/content.ts';
import {
  type Answer,
  firstOf,
  refusalOf,
  type StartTalk,
  talkHttp1,
  talkHttp2,
} from './exchange.ts';
import { type Door, Verdict, Visit } from './visit.ts';

export type HttpVersion = 'HTTP/1.1' | 'HTTP/2';

/** More than any test waits for: 4 TiB. */
const endlessBytes = 2 ** 42;

const versions: Record<HttpVersion, { protocol: 'h2' | 'http/1.1'; talk: StartTalk }> = {
  'HTTP/1.1': { protocol: 'http/1.1', talk: talkHttp1 },
  'HTTP/2': { protocol: 'h2', talk: talkHttp2 },
};

export interface DownloadOptions {
  readonly version?: HttpVersion;
  readonly bytes?: number;
  /** Where the asked range begins; absent: no range is asked for. */
  readonly from?: number;
  /** Without Content-Length. */
  readonly isChunked?: boolean;
  /** The origin's pace: nothing of it is in a buffer yet when a fault strikes. Absent: all that the visitor takes. */
  readonly bytesPerMs?: number;
}

export function download(door: Door, options: DownloadOptions = {}): Visit {
  const { version = 'HTTP/1.1', bytes = endlessBytes, from, isChunked = false } = options;
  const { protocol, talk } = versions[version];
  const kind = isChunked ? 'chunked' : from === undefined ? 'film' : 'range';
  return new Visit(`${kind} over ${version}`, door, protocol, async (visit, connection) => {
    const answer = await talk(
      door,
      connection,
    )({
      path: `/${isChunked ? 'chunked' : 'content'}/film/${bytes}${queryOf(options)}`,
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

/** How far somebody has got with a series of segments. */
export interface Progress {
  segment: number;
  /** Of this segment. */
  bytes: number;
}

export interface SeriesOptions {
  readonly version: HttpVersion;
  readonly segments: number;
  readonly bytes: number;
  readonly bytesPerMs?: number;
  /** Where it goes on, and from where it would: in the middle of a segment by Range. */
  readonly progress: Progress;
}

/** As players take HLS: the playlist, and one segment after the other over the same connection. */
export function watchSeries(door: Door, options: SeriesOptions): Visit {
  const { version, segments, bytes, progress } = options;
  const { protocol, talk } = versions[version];
  return new Visit(`HLS over ${version}`, door, protocol, async (visit, connection) => {
    const ask = talk(door, connection);
    const playlist = await ask({ path: `/hls/series/${segments}/${bytes}${queryOf(options)}` });
    if (playlist.status !== 200) throw await refusalOf(playlist);
    const paths = (await text(playlist.body)).split('\n').filter((line) => line.startsWith('/'));
    if (paths.length !== segments) throw new Verdict('cut', 'the playlist came by half');
    for (const path of paths.slice(progress.segment)) {
      const from = progress.bytes;
      const range = from === 0 ? {} : { range: `bytes=${from}-` };
      const answer = await ask({ path, ...range });
      if (answer.status !== (from === 0 ? 200 : 206)) throw await refusalOf(answer);
      await readWhole(visit, answer, bytes - from, (length) => {
        progress.bytes += length;
        return contentBytes(`series-${progress.segment}`, progress.bytes - length, length);
      });
      progress.segment += 1;
      progress.bytes = 0;
    }
  });
}

/** Server-sent events without end. */
export function listen(door: Door, version: HttpVersion = 'HTTP/1.1'): Visit {
  const { protocol, talk } = versions[version];
  return new Visit(`events over ${version}`, door, protocol, async (visit, connection) => {
    const answer = await talk(door, connection)({ path: '/events?count=1000000000&everyMs=10' });
    if (answer.status !== 200) throw await refusalOf(answer);
    let [id, expected] = [0, ''];
    await readWhole(visit, answer, Infinity, (length) => {
      while (expected.length < length) expected += `id: ${(id += 1)}\ndata: event ${id}\n\n`;
      const piece = expected.slice(0, length);
      expected = expected.slice(length);
      return Buffer.from(piece);
    });
  });
}

/** The origin tells what arrived, by hash. */
export function upload(door: Door, version: HttpVersion, bytes = endlessBytes): Visit {
  const { protocol, talk } = versions[version];
  return new Visit(`upload over ${version}`, door, protocol, async (visit, connection) => {
    const pieces = Readable.from(uploadPieces(visit, bytes), { objectMode: false });
    const answer = await talk(door, connection)({ path: '/upload', upload: pieces });
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

function queryOf({ bytesPerMs }: Pick<DownloadOptions, 'bytesPerMs'>): string {
  return bytesPerMs === undefined ? '' : `?bytesPerMs=${bytesPerMs}`;
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
