// Random numbers arrive; the frames of a visitor's HTTP/2 connection leave, with what each stream says in them.

import { Buffer } from 'node:buffer';

import { frame, preface } from '../support/http2-frames.ts';
import type { Random } from '../support/random.ts';
import { host, hubHost } from './fed-edge.ts';
import type { Http2Message } from './readers/http2.ts';

export interface Http2Case {
  readonly frames: readonly Buffer[];
  /** By stream; undefined when single bytes were changed, and nobody knows what they say. */
  readonly messages: ReadonlyMap<number, Http2Message> | undefined;
}

export function http2Case(random: Random): Http2Case {
  const messages = new Map<number, Http2Message>();
  const queues: Buffer[][] = [];
  for (let stream = 1; stream <= 1 + 2 * random.below(4); stream += 2) {
    const message = messageOf(stream, random);
    messages.set(stream, message);
    queues.push(framesOf(stream, message, random));
  }
  const frames = [preface, ...interleaved(queues, random)];
  if (random.below(8) > 0) return { frames, messages };
  return { frames: damaged(frames, random), messages: undefined };
}

type Field = readonly [string, string];

function messageOf(stream: number, random: Random): Http2Message {
  const oddly = (oneIn: number): boolean => random.below(oneIn) === 0;
  const method = oddly(10) ? random.pick(oddMethods) : random.pick(['GET', 'POST', 'PUT', 'HEAD']);
  const path = oddly(10) ? random.pick(oddPaths) : `/${stream}/${random.below(1000)}`;
  const pseudo: Field[] = [
    [':method', method],
    [':scheme', oddly(20) ? random.pick(['http', 'HTTPS', '', 'ftp', 'https ']) : 'https'],
    [':authority', oddly(10) ? random.pick(oddAuthorities) : host],
    [':path', path],
  ];
  const fields: Field[] = [];
  for (let more = random.below(4); more > 0; more -= 1) fields.push(random.pick(usualFields));
  if (oddly(4)) fields.push(random.pick(oddFields));
  const data = bodyPieces(method, random);
  const length = data.reduce((bytes, piece) => bytes + piece.length, 0);
  if (random.below(3) === 0) fields.push(['content-length', lengthOf(length, random)]);
  const head = [...(oddly(12) ? shuffledPseudo(pseudo, random) : pseudo), ...fields];
  if (oddly(20)) head.push(random.pick(pseudo));
  return {
    head,
    data,
    trailers: oddly(8) ? random.pick(trailerSections) : undefined,
    hasEnded: !oddly(12),
  };
}

/** One left out, or one that nobody knows, or the order changed. */
function shuffledPseudo(pseudo: readonly Field[], random: Random): Field[] {
  const at = random.below(pseudo.length);
  const others = pseudo.filter((_, i) => i !== at);
  const one = pseudo[at] as Field;
  return random.pick([
    others,
    [...others, one],
    [...pseudo, random.pick(oddPseudo)],
    [one, ...others, ['x-between', 'a'], one],
  ]);
}

function bodyPieces(method: string, random: Random): string[] {
  if ((method === 'GET' || method === 'HEAD') && random.below(6) > 0) return [];
  const count = random.below(4);
  return Array.from({ length: count }, () => random.pick(bodies));
}

function lengthOf(length: number, random: Random): string {
  if (random.below(3) > 0) return String(length);
  return random.pick([
    String(length + 1),
    String(Math.max(0, length - 1)),
    `+${length}`,
    `0${length}`,
    `${length}, ${length}`,
    '',
    '18446744073709551617',
  ]);
}

/** HEADERS, perhaps with padding or priority, perhaps cut into CONTINUATION; DATA; trailers. */
function framesOf(
  stream: number,
  { head, data, trailers, hasEnded }: Http2Message,
  random: Random,
) {
  const frames: Buffer[] = [];
  const isLast = (part: 'head' | 'data'): boolean =>
    hasEnded && trailers === undefined && (part === 'data' || data.length === 0);
  frames.push(headers(stream, head, isLast('head'), random));
  for (const [at, piece] of data.entries()) {
    const ends = at === data.length - 1 && isLast('data');
    const isPadded = random.below(10) === 0;
    const payload = Buffer.from(isPadded ? `\x03${piece}\0\0\0` : piece, 'latin1');
    frames.push(frame(0, (ends ? 1 : 0) | (isPadded ? 8 : 0), stream, payload));
  }
  if (trailers !== undefined) frames.push(headers(stream, trailers, hasEnded, random));
  return frames;
}

/** One buffer, since nothing may stand between HEADERS and CONTINUATION. */
function headers(stream: number, fields: readonly Field[], ends: boolean, random: Random): Buffer {
  const block = Buffer.concat(fields.flatMap(([name, value]) => literal(name, value)));
  const cut = random.below(6) === 0 ? random.below(block.length) : block.length;
  const hasPriority = random.below(15) === 0;
  const flags = (ends ? 1 : 0) | (cut === block.length ? 4 : 0) | (hasPriority ? 0x20 : 0);
  const first = block.subarray(0, cut);
  const payload = hasPriority ? Buffer.concat([Buffer.from('0000000010', 'hex'), first]) : first;
  const start = frame(1, flags, stream, payload);
  return cut === block.length
    ? start
    : Buffer.concat([start, frame(9, 4, stream, block.subarray(cut))]);
}

/** RFC 7541 §6.2.2: without any table, and plain. */
function literal(name: string, value: string): Buffer[] {
  return [Buffer.from([0]), ...[name, value].flatMap(plainString)];
}

function plainString(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [Math.min(bytes.length, 127)];
  if (bytes.length >= 127) {
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return [Buffer.from(length), bytes];
}

/** Streams begin in their order (RFC 9113 §5.1.1); what follows their heads may be mixed. */
function interleaved(queues: readonly Buffer[][], random: Random): Buffer[] {
  const frames: Buffer[] = [];
  const begun: Buffer[][] = [];
  const waiting = [...queues];
  while (waiting.length > 0 || begun.some((queue) => queue.length > 0)) {
    const next = random.below(2) === 0 ? waiting.shift() : undefined;
    if (next !== undefined) begun.push(next);
    const queue = begun.length > 0 ? random.pick(begun) : [];
    const one = next?.shift() ?? queue.shift();
    if (one !== undefined) frames.push(one);
  }
  return frames;
}

function damaged(frames: readonly Buffer[], random: Random): Buffer[] {
  const changed = frames.map((bytes) => Buffer.from(bytes));
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const one = changed[1 + random.below(changed.length - 1)];
    if (one !== undefined) one[random.below(one.length)] = random.below(256);
  }
  return changed;
}

const oddMethods = [
  'OPTIONS',
  'DELETE',
  'PROPFIND',
  'CONNECT',
  'TRACE',
  'get',
  '',
  'G T',
  'GET / HTTP/1.1\r\nX: y',
  'X'.repeat(40),
];

const oddPaths = [
  '',
  '*',
  'relative',
  '//double',
  '/a b',
  '/a\tb',
  '/a#b',
  '/a\\b',
  '/\x80\xff',
  '/a\0',
  '/a\r\nX: y',
  '/x HTTP/1.1\r\nHost: other\r\n\r\n',
  `https://${host}/absolute`,
  'https://other.phlix.example/',
  `/${'x'.repeat(9000)}`,
  '?query',
];

const oddAuthorities = [
  '',
  host.toUpperCase(),
  `${host}:443`,
  `${host}.`,
  `user@${host}`,
  `${host}, other.phlix.example`,
  `${host}/path`,
  `${host}\r\nX: y`,
  ` ${host}`,
  hubHost,
  'nobody.phlix.example',
  'other.example',
];

const oddPseudo: readonly Field[] = [
  [':status', '200'],
  [':protocol', 'websocket'],
  [':unknown', 'a'],
  [':', ''],
  [':Path', '/'],
  [':path ', '/'],
];

const usualFields: readonly Field[] = [
  ['accept', 'text/html'],
  ['user-agent', 'fuzz'],
  ['cookie', 'a=b'],
  ['cookie', 'c=d'],
  ['range', 'bytes=0-'],
  ['te', 'trailers'],
  ['expect', '100-continue'],
  ['x-request-id', 'spoofed'],
  ['x-forwarded-for', '198.51.100.1'],
  ['x-forwarded-proto', 'http'],
  ['x_request_id', 'spoofed'],
  ['host', host],
];

const oddFields: readonly Field[] = [
  ['Accept', 'text/html'],
  ['x-Upper', 'a'],
  ['', 'no name'],
  ['x space', 'a'],
  ['x:colon', 'a'],
  ['x\r\nhost: other\r\n', 'a'],
  ['x\0', 'a'],
  ['x-high\xff', 'a'],
  ['x-nul', 'a\0b'],
  ['x-cr', 'a\rb'],
  ['x-lf', 'a\nb'],
  ['x-crlf', 'a\r\ntransfer-encoding: chunked'],
  ['x-blank', ' a'],
  ['x-blank', 'a\t'],
  ['x-high', '\x80\xff'],
  ['connection', 'keep-alive'],
  ['connection', 'close, x-request-id'],
  ['keep-alive', 'timeout=5'],
  ['proxy-connection', 'keep-alive'],
  ['transfer-encoding', 'chunked'],
  ['transfer-encoding', ''],
  ['transfer_encoding', 'chunked'],
  ['upgrade', 'websocket'],
  ['te', 'gzip'],
  ['te', 'trailers, chunked'],
  ['http2-settings', 'AAMAAABkAAQAAP__'],
  ['host', 'other.phlix.example'],
  ['host', `${host}:443`],
  ['content-length', '5'],
  ['content_length', '5'],
  ['expect', 'tea'],
  ['trailer', 'content-length'],
  ['x-long', 'y'.repeat(5000)],
];

const bodies = ['', 'a', 'hello', '0\r\n\r\n', `GET /smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`];

const trailerSections: readonly (readonly Field[])[] = [
  [['x-sum', '1']],
  [['content-length', '5']],
  [['transfer-encoding', 'chunked']],
  [['x-request-id', 'spoofed']],
  [[':path', '/other']],
  [['host', 'other.phlix.example']],
  [['X-Upper', '1']],
  [['x-lf', 'a\nb']],
];
