// A request as the parser of node:http or nghttp2 accepted it arrives; one unambiguous request leaves, or the code of the refusal. Pure (security.md §1.6).

import { METHODS } from 'node:http';

import { parseAuthority } from './authority.ts';
import type { EdgeFailureCode } from './failure.ts';
import { fieldRule } from './field-rules.ts';
import type { EdgeLimits } from './limits.ts';
import type { FieldLines, VisitorRequest } from './visitor.ts';

export interface NormalRequest extends Pick<
  VisitorRequest,
  'method' | 'target' | 'hostname' | 'authority' | 'fields' | 'httpVersion' | 'wantsPage'
> {
  /** False also when a body came with GET or HEAD: it is read and dropped. */
  readonly hasBody: boolean;
  /** Undefined: as long as the stream lasts. */
  readonly bodyLength: number | undefined;
  /** The visitor waits for 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** An extended CONNECT for WebSocket (RFC 8441), read as the GET that asks an HTTP/1.1 origin for the same. */
  readonly isWebSocket: boolean;
  /** X-Forwarded-For, line by line, for the walk of client-address.ts. Never passed on. */
  readonly forwardedFor: readonly string[];
  /** X-Forwarded-Proto, for forwarded-scheme.ts. Never passed on either. */
  readonly forwardedProto: readonly string[];
  readonly takesTrailers: boolean;
}

export interface Refusal {
  readonly refusal: EdgeFailureCode;
  readonly method: string;
  readonly wantsPage: boolean;
  /** It is the cookies that are too much. */
  readonly hasFullJar: boolean;
}

export type RequestLimits = Pick<EdgeLimits, 'headBytes' | 'targetBytes' | 'fields'>;

/** HTTP/1.x: request line and raw field pairs. `isUpgrade`: the connection is about to leave HTTP. */
export function normalizeHttp1(
  method: string,
  target: string,
  httpVersion: string,
  rawFields: FieldLines,
  limits: RequestLimits,
  isUpgrade = false,
): NormalRequest | Refusal {
  const reading = new FieldReading(limits);
  reading.method = method;
  reading.target = target;
  reading.readAll(rawFields, false);
  const version = httpVersion === '1.1' ? '1.1' : '1.0';
  const refusal =
    reading.refusal ??
    (httpVersion !== '1.1' && httpVersion !== '1.0' ? 'edge.bad-request' : undefined) ??
    http1Framing(reading, version, isUpgrade);
  if (refusal !== undefined) return reading.refused(refusal);
  const hasBody =
    reading.isChunked ||
    (reading.contentLength ?? 0) > 0 ||
    (reading.contentLength === 0 && !isBodiless(method));
  return assemble(reading, version, hasBody);
}

/**
 * HTTP/2: the header list with its pseudo-headers. `hasEnded`: END_STREAM came with the head. `isPlain`: a proxy ended TLS, and
 * the scheme it writes is that of its own connection or of its visitor's.
 */
export function normalizeHttp2(
  rawFields: FieldLines,
  hasEnded: boolean,
  limits: RequestLimits,
  isPlain = false,
): NormalRequest | Refusal {
  const reading = new FieldReading(limits);
  reading.takesPlain = isPlain;
  reading.readAll(rawFields, true);
  const refusal = reading.refusal ?? http2Framing(reading, hasEnded);
  if (refusal !== undefined) return reading.refused(refusal);
  if (reading.protocol === undefined) return assemble(reading, '2', !hasEnded);
  reading.method = 'GET';
  return assemble(reading, '2', false);
}

/** RFC 9112 §6: anything that two parsers could measure differently is refused. */
function http1Framing(
  reading: FieldReading,
  version: '1.0' | '1.1',
  isUpgrade: boolean,
): EdgeFailureCode | undefined {
  const { transferEncoding, contentLength } = reading;
  if (transferEncoding !== undefined) {
    const isPlainChunked = version === '1.1' && transferEncoding.toLowerCase() === 'chunked';
    if (!isPlainChunked || contentLength !== undefined) return 'edge.bad-request';
    reading.isChunked = true;
  }
  // Bytes behind an upgrade's head belong to the new protocol; with a body too, nobody can tell which is which.
  if (isUpgrade && (reading.isChunked || (contentLength ?? 0) > 0)) return 'edge.bad-request';
  return undefined;
}

/** RFC 9113 §8.2.2 and §8.3.1. */
function http2Framing(reading: FieldReading, hasEnded: boolean): EdgeFailureCode | undefined {
  if (reading.transferEncoding !== undefined || reading.hasConnectionFields)
    return 'edge.bad-request';
  if (reading.protocol !== undefined) return extendedConnect(reading, hasEnded);
  if (reading.method === 'CONNECT') return 'edge.method';
  if (hasEnded && (reading.contentLength ?? 0) > 0) return 'edge.bad-request';
  return undefined;
}

/** RFC 8441 §4. What follows the head belongs to the new protocol: a length would say that it is a body. */
function extendedConnect(reading: FieldReading, hasEnded: boolean): EdgeFailureCode | undefined {
  if (reading.method !== 'CONNECT' || hasEnded || reading.contentLength !== undefined)
    return 'edge.bad-request';
  return reading.protocol?.toLowerCase() === 'websocket' ? undefined : 'edge.protocol';
}

function assemble(
  reading: FieldReading,
  httpVersion: NormalRequest['httpVersion'],
  hasBody: boolean,
): NormalRequest | Refusal {
  const { method, wantsPage } = reading;
  const refuse = (refusal: EdgeFailureCode): Refusal => reading.refused(refusal);
  if (method === 'CONNECT' || method === 'TRACE') return refuse('edge.method');
  if (!methods.has(method)) return refuse('edge.bad-request');
  if (reading.expect !== undefined && reading.expect.toLowerCase() !== '100-continue')
    return refuse('edge.expectation');
  const host = reading.authority ?? reading.host;
  const authority = host === undefined ? undefined : parseAuthority(host);
  if (authority === undefined) return refuse('edge.bad-request');
  // Two names for one request: a cache or a gate in front may have believed the other one.
  if (
    reading.authority !== undefined &&
    reading.host !== undefined &&
    parseAuthority(reading.host)?.text !== authority.text
  ) {
    return refuse('edge.bad-request');
  }
  const target = originForm(reading.target, method, authority.text);
  if (target === undefined) return refuse('edge.bad-request');
  const carriesBody = hasBody && !isBodiless(method);
  return {
    method,
    target,
    hostname: authority.hostname,
    authority: authority.text,
    fields: reading.endToEndFields(),
    httpVersion,
    wantsPage,
    hasBody: carriesBody,
    bodyLength: reading.contentLength,
    // RFC 9110 §10.1.1: meaningless without a body, and to be ignored from HTTP/1.0.
    expectsContinue: reading.expect !== undefined && hasBody && httpVersion !== '1.0',
    isWebSocket: reading.protocol !== undefined,
    forwardedFor: reading.forwardedFor,
    forwardedProto: reading.forwardedProto,
    takesTrailers: reading.takesTrailers && httpVersion !== '1.0',
  };
}

/** Those of HTTP/1.1 visitors hold for HTTP/2 too: `get` is GET to one origin and the end of the connection to another. */
const methods: ReadonlySet<string> = new Set(METHODS);
/** Controls, space, `#`, `\` and bytes outside ASCII: browsers, gates and origins disagree about where the path ends. */
const unsafeTargetPattern = /[^!-~]|[#\\]/;
// oxlint-disable-next-line no-control-regex -- RFC 9110 §5.5: what a field value cannot hold
const unsafeValuePattern = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/;
const contentLengthPattern = /^[0-9]{1,15}$/;

/** RFC 9112 §3.2: origin form, `*` for OPTIONS, and absolute form if it names the host that Host names. */
function originForm(target: string, method: string, authority: string): string | undefined {
  if (unsafeTargetPattern.test(target)) return undefined;
  if (target.charCodeAt(0) === 0x2f) return target;
  if (target === '*') return method === 'OPTIONS' ? target : undefined;
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
  if (absolute === null || parseAuthority(absolute[1] ?? '')?.text !== authority) return undefined;
  const path = absolute[2] ?? '';
  return path.startsWith('/') ? path : `/${path}`;
}

/** Bodies of GET and HEAD have no meaning (RFC 9110 §9.3.1) and a history of smuggling. */
function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Reads the field lines once; the first thing that is wrong is kept as `refusal`. */
class FieldReading {
  method = '';
  target = '';
  authority: string | undefined;
  /** `:protocol` (RFC 8441). */
  protocol: string | undefined;
  host: string | undefined;
  transferEncoding: string | undefined;
  contentLength: number | undefined;
  expect: string | undefined;
  isChunked = false;
  takesPlain = false;
  hasConnectionFields = false;
  wantsPage = false;
  takesTrailers = false;
  refusal: EdgeFailureCode | undefined;
  forwardedFor: string[] = [];
  forwardedProto: string[] = [];
  readonly #limits: RequestLimits;
  readonly #kept: string[] = [];
  #connectionOptions: Set<string> | undefined;
  #cookieAt = -1;
  #cookieBytes = 0;
  #bytes = 0;
  #lines = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  readAll(rawFields: FieldLines, isHttp2: boolean): void {
    for (let at = 0; at + 1 < rawFields.length; at += 2) {
      const name = rawFields[at] ?? '';
      const value = rawFields[at + 1] ?? '';
      this.#bytes += name.length + value.length + 4;
      if (isHttp2 && name.charCodeAt(0) === 0x3a) this.#readPseudo(name, value);
      else this.#read(name, value, isHttp2);
    }
    // The target before the fields: any page can make a browser ask for a long one, and no jar is to be emptied for that.
    if (this.target.length > this.#limits.targetBytes) this.refusal = 'edge.target-too-long';
    else if (this.#bytes > this.#limits.headBytes || this.#lines > this.#limits.fields) {
      this.refusal = 'edge.fields-too-large';
    }
  }

  refused(refusal: EdgeFailureCode): Refusal {
    const { method, wantsPage } = this;
    // Half of what there is room for: without them the rest would have passed, or nearly.
    const hasFullJar = this.#cookieBytes > this.#limits.headBytes / 2;
    return { refusal, method, wantsPage, hasFullJar };
  }

  /** Without the fields that a Connection line claims for this connection (RFC 9110 §7.6.1). */
  endToEndFields(): FieldLines {
    const claimed = this.#connectionOptions;
    if (claimed === undefined) return this.#kept;
    return this.#kept.filter((_, at) => !claimed.has(this.#kept[at - (at % 2)] ?? ''));
  }

  #readPseudo(name: string, value: string): void {
    if (name === ':method') this.method = value;
    else if (name === ':path') this.target = value;
    else if (name === ':authority') this.authority = value;
    else if (name === ':protocol') this.protocol = value;
    // The edge ends TLS here: any other scheme speaks to somebody else.
    else if (name !== ':scheme' || (value !== 'https' && !(this.takesPlain && value === 'http')))
      this.#refuse();
  }

  #read(written: string, value: string, isHttp2: boolean): void {
    this.#lines += 1;
    if (unsafeValuePattern.test(value)) return this.#refuse();
    const { name, use } = fieldRule(written);
    switch (use) {
      case 'keep':
        this.#kept.push(name, value);
        return undefined;
      case 'drop':
        return undefined;
      case 'invalid':
        return this.#refuse();
      case 'hop':
        this.hasConnectionFields ||= name === 'keep-alive';
        return undefined;
      case 'accept':
        this.wantsPage ||= value.includes('text/html');
        this.#kept.push(name, value);
        return undefined;
      case 'connection':
        this.hasConnectionFields = true;
        return this.#readConnection(value);
      case 'upgrade':
        this.hasConnectionFields = true;
        return undefined;
      case 'content-length':
        return this.#readContentLength(value);
      case 'cookie':
        return this.#readCookie(value, isHttp2);
      case 'expect':
        this.expect = this.expect === undefined ? value : `${this.expect}, ${value}`;
        return undefined;
      case 'forwarded-for':
        this.forwardedFor.push(value);
        return undefined;
      case 'forwarded-proto':
        this.forwardedProto.push(value);
        return undefined;
      case 'host':
        if (this.host !== undefined) return this.#refuse();
        this.host = value;
        return undefined;
      case 'te':
        this.takesTrailers ||= /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value);
        return undefined;
      case 'transfer-encoding':
        this.transferEncoding =
          this.transferEncoding === undefined ? value : `${this.transferEncoding}, ${value}`;
        return undefined;
    }
  }

  #readConnection(value: string): void {
    // What nearly everybody sends.
    if (value === 'keep-alive' || value === 'close') return;
    for (const part of value.split(',')) {
      const option = part.trim().toLowerCase();
      if (option === 'keep-alive' || option === 'close' || option === 'upgrade' || option === '')
        continue;
      this.#connectionOptions ??= new Set();
      this.#connectionOptions.add(option);
    }
  }

  #readContentLength(value: string): void {
    if (this.contentLength !== undefined || !contentLengthPattern.test(value))
      return this.#refuse();
    this.contentLength = Number(value);
    return undefined;
  }

  /** HTTP/2 clients may cut cookies into crumbs for compression; together they are one line (RFC 9113 §8.2.3). */
  #readCookie(value: string, isHttp2: boolean): void {
    this.#cookieBytes += value.length;
    if (this.#cookieAt < 0) {
      this.#cookieAt = this.#kept.length + 1;
      this.#kept.push('cookie', value);
      return;
    }
    this.#kept[this.#cookieAt] += `; ${value}`;
    if (isHttp2) this.#lines -= 1;
  }

  #refuse(): void {
    this.refusal ??= 'edge.bad-request';
  }
}
