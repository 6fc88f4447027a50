// An address from a person's settings arrives; one bounded exchange with it leaves, or a refusal where it leads inside (rows ).

import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';

import type { Client } from 'undici';

import { CidrSet, NetAddressError, parseAddress, parseNetwork } from '../../shared/net-address.ts';
import { version } from '../../shared/version.ts';
import type { SafeFetch, SafeFetchInit } from '../notices/safe-fetch.ts';
import { OutboundError } from './outbound-error.ts';
import { reachOf } from './reach.ts';

export interface SafeFetchOptions {
  /** All addresses of a name. The machine's own resolver, with its hosts file, unless given. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  /** PEM of authorities, instead of those that the machine and NODE_EXTRA_CA_CERTS name. */
  readonly ca?: string;
  /** For name, connection, TLS and the whole answer. Who waits for it is a person signing in, or a queue. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** Row A-22. A provider that takes longer has its user gone. */
const defaultTimeoutMs = 5000;
/** Discovery and key documents of the large providers are under 20 KiB; fifty times that is no document any more. */
const defaultMaxBytes = 1024 * 1024;
/** Node's own bound for servers, and no provider is known that sends more. */
const maxHeadBytes = 16 * 1024;

export function createSafeFetch(options: SafeFetchOptions = {}): SafeFetch {
  const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes, ca } = options;
  const resolve = options.resolve ?? resolveHere;
  return async (address, init = {}) => {
    const url = destinationOf(address);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([timeout, ...(init.signal ? [init.signal] : [])]);
    try {
      const addresses = await orAborted(resolveChecked(url, init, resolve), signal);
      // Only now: a tenth of a hub's start would be its hundred files, for a request that most hubs make once a week.
      const undici = await import('undici');
      const client = new undici.Client(url.origin, {
        connect: { lookup: pinnedTo(addresses), timeout: timeoutMs, ...(ca && { ca }) },
        allowH2: false,
        pipelining: 0,
        maxHeaderSize: maxHeadBytes,
        maxResponseSize: maxBytes,
      });
      try {
        return await exchange(client, url, { ...init, signal }, maxBytes);
      } finally {
        // A connection that was checked for one asker's networks is not kept for another's.
        client.destroy().catch(() => undefined);
      }
    } catch (error) {
      init.signal?.throwIfAborted();
      throw failureOf(error, url, { isLate: timeout.aborted, timeoutMs, maxBytes });
    }
  };
}

/** @throws OutboundError outbound.address */
function destinationOf(address: string): URL {
  const url = URL.parse(address);
  if (url === null || !['https:', 'http:'].includes(url.protocol))
    throw new OutboundError(
      'outbound.address',
      'this is no address that can be asked: write it like https://idp.example.org/path',
    );
  if (url.username !== '' || url.password !== '')
    throw new OutboundError(
      'outbound.address',
      `the address at ${url.host} has a user or a password in it: leave them out`,
    );
  return url;
}

/** @throws OutboundError outbound.refused | outbound.address: `allow` holds no network */
async function resolveChecked(
  url: URL,
  init: SafeFetchInit,
  resolve: (hostname: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const gate = gateOf(url, init);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const literal = parseAddress(host);
  const all = literal === undefined ? await resolve(host) : [literal];
  const known = all.flatMap((text) => parseAddress(text) ?? []);
  const open = known.filter(gate);
  if (open.length > 0) return open;
  if (url.protocol === 'http:' && known.some((address) => reachOf(address) === 'public'))
    throw new OutboundError(
      'outbound.refused',
      `${url.host} is out in the world, where plain http can be read by others: write https://`,
    );
  throw new OutboundError(
    'outbound.refused',
    `${url.host} leads into a network that is closed to the hub's own requests (${describe(known)}); an admin can open it by listing that network`,
  );
}

/** Which addresses this asker may reach. Plain http only to those that were opened for it. */
function gateOf(url: URL, init: SafeFetchInit): (address: string) => boolean {
  const listed = listedNetworks(init.allow ?? []);
  const isPlain = url.protocol === 'http:';
  return (address) => {
    if (listed.has(address)) return true;
    const reach = reachOf(address);
    return reach === 'private' ? init.allowPrivate === true : reach === 'public' && !isPlain;
  };
}

function listedNetworks(texts: readonly string[]): CidrSet {
  try {
    return new CidrSet(texts.map(parseNetwork));
  } catch (error) {
    if (!(error instanceof NetAddressError)) throw error;
    throw new OutboundError('outbound.address', error.message, { cause: error });
  }
}

/** Addresses inside are the operator's to know; the message goes to who gave the name, so it tells their kind alone. */
function describe(addresses: readonly string[]): string {
  if (addresses.length === 0) return 'it has no address';
  return addresses.every((address) => reachOf(address) === 'private')
    ? 'a private one'
    : 'link-local, reserved or a metadata service';
}

async function resolveHere(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}

/** What the socket connects to is what was checked: nobody asks the DNS again in between. */
function pinnedTo(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const [first] = found;
  return (_hostname, { all }, done) => {
    if (all === true) done(null, found);
    else done(null, first?.address ?? '', first?.family ?? 4);
  };
}

async function exchange(
  client: Client,
  url: URL,
  init: SafeFetchInit,
  maxBytes: number,
): Promise<Response> {
  const headers: Record<string, string> = {
    'user-agent': `phlix-hub/${version}`,
    ...Object.fromEntries(new Headers(init.headers)),
    // A compressed body has no bound that could be told before it is opened.
    'accept-encoding': 'identity',
  };
  const answer = await client.request({
    path: `${url.pathname}${url.search}`,
    method: init.method ?? 'GET',
    headers,
    body: init.body ?? null,
    signal: init.signal ?? null,
  });
  const { statusCode: status } = answer;
  if (status >= 300 && status < 400 && answer.headers['location'] !== undefined)
    throw new OutboundError(
      'outbound.redirect',
      `${url.host} answered with a redirect, which is not followed: write the address that it leads to`,
    );
  if (!['undefined', 'identity'].includes(String(answer.headers['content-encoding'])))
    throw new OutboundError('outbound.failed', `${url.host} compressed its answer, unasked`);
  const bytes = await bodyOf(answer.body, url, maxBytes);
  const isEmpty = [204, 205, 304].includes(status);
  return new Response(isEmpty ? null : bytes, { status, headers: fieldsOf(answer.headers) });
}

async function bodyOf(
  body: AsyncIterable<Uint8Array>,
  url: URL,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > maxBytes) throw tooLarge(url, maxBytes);
    pieces.push(piece);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function fieldsOf(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const fields = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value ?? []].flat()) fields.append(name, one);
  }
  return fields;
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function failureOf(
  error: unknown,
  url: URL,
  told: { isLate: boolean; timeoutMs: number; maxBytes: number },
): OutboundError {
  if (error instanceof OutboundError) return error;
  if (told.isLate)
    return new OutboundError(
      'outbound.timeout',
      `${url.host} did not answer within ${told.timeoutMs / 1000} s`,
      { cause: error },
    );
  if ((error as NodeJS.ErrnoException).code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return tooLarge(url, told.maxBytes);
  return new OutboundError('outbound.failed', `${url.host} could not be asked: ${wordOf(error)}`, {
    cause: error,
  });
}

function tooLarge(url: URL, maxBytes: number): OutboundError {
  return new OutboundError(
    'outbound.too-large',
    `${url.host} answered with more than ${maxBytes} bytes`,
  );
}

/** A code such as ECONNREFUSED or CERT_HAS_EXPIRED says it to who can mend it. */
function wordOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code ?? (error instanceof Error ? error.name : 'unknown');
}
