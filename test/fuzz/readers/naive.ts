// Bytes of a connection arrive; requests leave, read as careless servers read them: each set of rules believes something else.

import { valuesOf, type Reading, type ReadRequest } from './reading.ts';

export interface Carelessness {
  /** Which of two framings is looked at first. The other one only when the first is absent. */
  readonly believes: 'content-length' | 'chunked';
  /** Which of several lines with one name. */
  readonly repeated: 'first' | 'last';
  /** A line ends at a bare LF or CR too, names are trimmed and `_` is `-`, folded lines are joined. */
  readonly isLenient: boolean;
}

/** By what each believes. */
export const naiveReaders: ReadonlyMap<string, Carelessness> = new Map([
  ['length first', { believes: 'content-length', repeated: 'first', isLenient: false }],
  ['chunked first', { believes: 'chunked', repeated: 'last', isLenient: false }],
  ['lenient, length first', { believes: 'content-length', repeated: 'last', isLenient: true }],
  ['lenient, chunked first', { believes: 'chunked', repeated: 'first', isLenient: true }],
]);

export function readNaively(wire: string, rules: Carelessness): Reading {
  const cursor = new Cursor(wire, rules.isLenient);
  const requests: ReadRequest[] = [];
  while (!cursor.isAtEnd) {
    const head = readHead(cursor);
    if (head === undefined) return { requests, end: 'cut' };
    if (head === 'broken') return { requests, end: 'broken' };
    const body = readBody(cursor, head.fields, rules);
    if (body === undefined) return { requests, end: 'cut' };
    requests.push({ ...head, hosts: valuesOf(head.fields, 'host'), body });
  }
  return { requests, end: 'whole' };
}

interface Head {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
}

function readHead(cursor: Cursor): Head | 'broken' | undefined {
  let start = cursor.line();
  // RFC 9112 §2.2 lets servers overlook empty lines in front.
  while (start === '' && cursor.isLenient) start = cursor.line();
  if (start === undefined) return undefined;
  const [method = '', target = '', version = ''] = start.split(cursor.isLenient ? /[ \t]+/ : ' ');
  if (!version.startsWith('HTTP/')) return 'broken';
  const fields: string[] = [];
  for (let line = cursor.line(); line !== ''; line = cursor.line()) {
    if (line === undefined) return undefined;
    if (cursor.isLenient && /^[ \t]/.test(line) && fields.length > 0) {
      fields[fields.length - 1] += ` ${line.trim()}`;
      continue;
    }
    const colon = line.indexOf(':');
    const name = (colon < 0 ? line : line.slice(0, colon)).toLowerCase();
    fields.push(cursor.isLenient ? name.trim().replaceAll('_', '-') : name);
    fields.push(colon < 0 ? '' : line.slice(colon + 1).trim());
  }
  return { method, target, fields };
}

/** Undefined while it is not whole. */
function readBody(
  cursor: Cursor,
  fields: readonly string[],
  { believes, repeated, isLenient }: Carelessness,
): string | undefined {
  const one = (name: string): string | undefined =>
    valuesOf(fields, name).at(repeated === 'first' ? 0 : -1);
  const length = one('content-length');
  const coding = one('transfer-encoding')?.toLowerCase();
  const isChunked = isLenient ? coding?.includes('chunk') === true : coding === 'chunked';
  const goesByLength = length !== undefined && (believes === 'content-length' || !isChunked);
  if (goesByLength) return cursor.take(Number.parseInt(length, 10) || 0);
  return isChunked ? readChunks(cursor) : '';
}

function readChunks(cursor: Cursor): string | undefined {
  let body = '';
  for (;;) {
    const sizeLine = cursor.line();
    if (sizeLine === undefined) return undefined;
    const size = Number.parseInt(sizeLine, 16) || 0;
    if (size === 0) break;
    const chunk = cursor.take(size);
    if (chunk === undefined || cursor.line() === undefined) return undefined;
    body += chunk;
  }
  for (let line = cursor.line(); line !== ''; line = cursor.line())
    if (line === undefined) return undefined;
  return body;
}

class Cursor {
  readonly isLenient: boolean;
  readonly #text: string;
  readonly #lineEnd: RegExp;
  #at = 0;

  constructor(text: string, isLenient: boolean) {
    this.#text = text;
    this.isLenient = isLenient;
    this.#lineEnd = isLenient ? /\r\n|\r|\n/g : /\r\n/g;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Undefined when it has no end. */
  line(): string | undefined {
    this.#lineEnd.lastIndex = this.#at;
    const end = this.#lineEnd.exec(this.#text);
    if (end === null) return undefined;
    const line = this.#text.slice(this.#at, end.index);
    this.#at = this.#lineEnd.lastIndex;
    return line;
  }

  take(length: number): string | undefined {
    if (length < 0 || this.#at + length > this.#text.length) return undefined;
    this.#at += length;
    return this.#text.slice(this.#at - length, this.#at);
  }
}
