// A request for a file arrives; the whole file, the asked range of it, or 304, 404, 416 leaves.

import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** First and last byte, both included, as Content-Range counts. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a Range field for a file of `size` bytes. More than one range, another unit or bad grammar reads as 'all':
 * a server may ignore Range, and the whole file is right for everybody.
 * @see RFC 9110 §14.2
 */
export function parseRange(field: string | undefined, size: number): ByteRange | 'all' | 'none' {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(field ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return 'all';
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'none' : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return 'all';
  return first >= size ? 'none' : { first, last };
}

export async function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  contentType: string,
): Promise<void> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no such file\n');
    return;
  }
  try {
    await answerOpen(request, response, file, contentType);
  } finally {
    await file.close();
  }
}

async function answerOpen(
  request: IncomingMessage,
  response: ServerResponse,
  file: FileHandle,
  contentType: string,
): Promise<void> {
  const facts = await file.stat();
  const etag = etagOf(facts);
  const headers: OutgoingHttpHeaders = {
    'accept-ranges': 'bytes',
    'cache-control': 'no-cache',
    'content-type': contentType,
    etag,
    'last-modified': facts.mtime.toUTCString(),
  };
  if (isNamed(request.headers['if-none-match'], etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  const range = request.method === 'GET' ? wantedRange(request, facts) : 'all';
  if (range === 'none') {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${facts.size}` }).end();
    return;
  }
  const { first, last } = range === 'all' ? { first: 0, last: facts.size - 1 } : range;
  headers['content-length'] = last - first + 1;
  if (range !== 'all') headers['content-range'] = `bytes ${first}-${last}/${facts.size}`;
  response.writeHead(range === 'all' ? 200 : 206, headers);
  if (request.method === 'HEAD' || facts.size === 0) {
    response.end();
    return;
  }
  const body = file.createReadStream({ start: first, end: last, autoClose: false });
  // A viewer who seeks drops the connection: that is how players work, and no fault.
  await pipeline(body, response).catch(() => undefined);
}

/** If-Range that names another version of the file asks for all of it. @see RFC 9110 §13.1.5 */
function wantedRange(request: IncomingMessage, facts: Stats): ByteRange | 'all' | 'none' {
  const condition = request.headers['if-range'];
  const isCurrent =
    condition === undefined ||
    condition === etagOf(facts) ||
    condition === facts.mtime.toUTCString();
  return isCurrent ? parseRange(request.headers.range, facts.size) : 'all';
}

/** Strong: the film is written once and renamed into place, so size and time of change name its bytes. */
function etagOf(facts: Stats): string {
  return `"${facts.size.toString(16)}-${Math.round(facts.mtimeMs).toString(16)}"`;
}

/** Whether If-None-Match names this tag; it compares weakly. @see RFC 9110 §13.1.2 */
function isNamed(field: string | undefined, etag: string): boolean {
  const tags = (field ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
