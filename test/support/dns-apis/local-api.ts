// Requests to a provider's API arrive on a local port; the answers of a function leave, or those that a test put in their place.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { DnsProviderSettings } from '../../../hub/certificates/dns/provider-settings.ts';

export interface ApiCall {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** As it was on the wire, with the query. */
  readonly target: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ApiReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** The connection breaks behind the body, of which more was promised. */
  readonly isCut?: boolean;
}

export interface LocalApi {
  readonly url: string;
  readonly calls: ApiCall[];
  /** The next calls get these answers, one each, and are not seen by the function. */
  interject(...replies: ApiReply[]): void;
  /** The next call that matches gets this answer. */
  interjectAt(matches: (call: ApiCall) => boolean, reply: () => ApiReply): void;
  /** What was interjected and did not come to pass. */
  forget(): void;
  stop(): Promise<void>;
}

/** A provider's API with the zones `example.org` and `deep.example.org`, and a hundred and more records of others. */
export interface DnsApi extends LocalApi {
  readonly name: string;
  /** Those of this API, with the right credential unless another is given. */
  settings(credential?: string): DnsProviderSettings;
  /** The TXT values at a name of one zone, without quotes. */
  values(zone: string, name: string): string[];
  /** As if another program had put it there. */
  seed(zone: string, name: string, value: string): void;
}

export async function startLocalApi(answer: (call: ApiCall) => ApiReply): Promise<LocalApi> {
  const calls: ApiCall[] = [];
  const interjected: { matches: (call: ApiCall) => boolean; reply: () => ApiReply }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const target = request.url ?? '/';
      const url = new URL(target, 'http://localhost');
      const call: ApiCall = {
        method: request.method ?? '',
        path: decodeURIComponent(url.pathname),
        target,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      calls.push(call);
      const place = interjected.findIndex(({ matches }) => matches(call));
      const [instead] = place < 0 ? [] : interjected.splice(place, 1);
      const { status, headers = {}, body, isCut } = instead?.reply() ?? answer(call);
      const isJson = body !== undefined && typeof body !== 'string';
      const type = isJson ? { 'content-type': 'application/json' } : {};
      const length = isCut === true ? { 'content-length': '100000' } : {};
      response.writeHead(status, { ...type, ...length, ...headers });
      const text = isJson ? JSON.stringify(body) : body;
      if (isCut === true) response.write(text ?? '', () => response.destroy());
      else response.end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    interject: (...replies) => {
      interjected.push(...replies.map((reply) => ({ matches: () => true, reply: () => reply })));
    },
    interjectAt: (matches, reply) => {
      interjected.push({ matches, reply });
    },
    forget: () => {
      interjected.length = 0;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** One record of one value, as most providers keep them. */
export interface KeptRecord {
  readonly id: string;
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
}

export const zones = ['example.org', 'deep.example.org'];

/** Others' records, more than fit on a page. */
export function othersRecords(pageSize: number): KeptRecord[] {
  return Array.from({ length: pageSize + 20 }, (_, number) => ({
    id: `${1000 + number}`,
    zone: 'example.org',
    name: `host${number}.example.org`,
    type: number % 2 === 0 ? 'TXT' : 'A',
    content: number % 2 === 0 ? '"v=spf1 -all"' : '192.0.2.1',
  }));
}

export function withoutQuotes(content: string): string {
  return content.replaceAll(/^"|"$/g, '');
}

/** `_acme-challenge` in `example.org` and back. */
export function relativeName(name: string, zone: string): string {
  return name === zone ? '@' : name.slice(0, -zone.length - 1);
}

export function fullName(name: string, zone: string): string {
  return name === '@' || name === '' ? zone : `${name}.${zone}`;
}
