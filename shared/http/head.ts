// A request head goes out as bytes; pushed bytes come back as a response head, or are refused (RFC 9112 §2-§6).

import { Buffer } from 'node:buffer';
import { FieldSection, MessageError, malformed } from './field-section.ts';
import type { FieldLines, SectionLimits } from './field-section.ts';

/**
 * Twice the numbers for strangers' requests. The origin belongs to the tunnel's owner, and media servers behind a
 * login proxy do send tens of Set-Cookie lines and CSPs of many KiB; Node itself stops at 16 KiB, nginx at 4 or 8.
 */
const responseHeadLimits: SectionLimits = { bytes: 65_536, fields: 200 };

export interface ResponseHead {
  readonly status: number;
  readonly version: '1.0' | '1.1';
  /** As received: hop-by-hop fields included. */
  readonly fields: FieldLines;
  readonly contentLength: number | undefined;
  readonly isChunked: boolean;
  /** The origin lets the connection carry another exchange. */
  readonly isPersistent: boolean;
}

/** The bytes of a request head. @throws MessageError http.unsafe when a part would break out of its place */
export function encodeRequestHead(method: string, target: string, fields: FieldLines): Buffer {
  if (!token.test(method) || notTarget.test(target)) throw unsafe('request line');
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${fieldText(fields)}\r\n`, 'latin1');
}

/** The bytes of a response head, for the connections that are written by hand (upgrades). @throws MessageError http.unsafe */
export function encodeResponseHead(status: number, reason: string, fields: FieldLines): Buffer {
  return Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${fieldText(fields)}\r\n`, 'latin1');
}

/** Reads one response head; a new one is needed for each, interim heads included. */
export class ResponseHeadParser {
  readonly #section: FieldSection;
  #statusLine: RegExpExecArray | undefined;

  constructor(limits: SectionLimits = responseHeadLimits) {
    this.#section = new FieldSection(limits, { hasStartLine: true });
  }

  /** How many bytes of the last chunk belonged to the head, once `push` has returned it. */
  get consumed(): number {
    return this.#section.consumed;
  }

  /** Takes a chunk; the head once it is complete. @throws MessageError http.malformed, http.too-large */
  push(chunk: Buffer): ResponseHead | undefined {
    const isComplete = this.#section.push(chunk);
    // Before the rest has arrived: an origin that speaks another protocol is refused at its first line, not at a timeout.
    this.#statusLine ??= parseStatusLine(this.#section.startLine());
    if (!isComplete || this.#statusLine === undefined) return undefined;
    const [, minor, status] = this.#statusLine;
    return responseHead(Number(status), minor === '1' ? '1.1' : '1.0', this.#section.fields());
  }
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const notTarget = /[^\x21-\x7e\x80-\xff]|^$/;
/** Code points over 0xff too: latin1 would cut U+010A down to LF. */
const notValue = /[^\t\x20-\x7e\x80-\xff]/;

/** The space behind the status is missing from many servers when the reason is empty; statuses outside 1xx-5xx mean nothing (RFC 9110 §15). */
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/;

/** Fifteen digits stay exact in a double and hold a petabyte. */
const contentLength = /^\d{1,15}$/;

function fieldText(fields: FieldLines): string {
  let text = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (!token.test(name) || notValue.test(value)) throw unsafe(`field ${JSON.stringify(name)}`);
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

function unsafe(what: string): MessageError {
  return new MessageError('http.unsafe', `the ${what} holds a character that HTTP forbids there`);
}

function parseStatusLine(line: string | undefined): RegExpExecArray | undefined {
  if (line === undefined) return undefined;
  const match = statusLine.exec(line);
  if (match === null) throw malformed('no HTTP/1 status line');
  return match;
}

function responseHead(status: number, version: '1.0' | '1.1', fields: FieldLines): ResponseHead {
  let length: number | undefined;
  let isChunked = false;
  let isPersistent = version === '1.1';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i];
    const value = fields[i + 1] as string;
    if (name === 'content-length') {
      // Equal copies too: no honest origin sends them, and readers differ (RFC 9112 §6.3).
      if (length !== undefined || !contentLength.test(value)) {
        throw malformed('an unclear Content-Length');
      }
      length = Number(value);
    } else if (name === 'transfer-encoding') {
      if (isChunked || version === '1.0' || value.toLowerCase() !== 'chunked') {
        throw malformed('a Transfer-Encoding other than one chunked');
      }
      isChunked = true;
    } else if (name === 'connection' && hasToken(value, 'close')) {
      isPersistent = false;
    }
  }
  if (isChunked && length !== undefined) {
    throw malformed('both Content-Length and Transfer-Encoding');
  }
  // It would be its own end: nothing could follow, and a final response must (RFC 9110 §15.2).
  if (status < 200 && (isChunked || (length ?? 0) > 0 || !isPersistent)) {
    throw malformed('an interim head that ends the connection or has a body');
  }
  // Forbidden, yet sent (RFC 9112 §6.1); the body is empty by status, and whatever follows must not meet the next exchange.
  if (status === 204 && isChunked) isPersistent = false;
  return { status, version, fields, contentLength: length, isChunked, isPersistent };
}

/** True when a comma-separated list names the token, in any case. */
export function hasToken(list: string, wanted: string): boolean {
  if (list.length < wanted.length) return false;
  return list.split(',').some((item) => item.trim().toLowerCase() === wanted);
}
