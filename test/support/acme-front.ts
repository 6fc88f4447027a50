// Requests to an ACME authority arrive; they pass on to it, counted and refused as a test wants, and what it lacks is added: ARI and profiles.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

// @peculiar/x509 expects its importer to bring the polyfill.
import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';

import { ariIdOf } from '../../hub/certificates/acme/ari-id.ts';
import { issueAuthority, issueLeaf } from '../../hub/certificates/issuance.ts';

export interface PassingOrder {
  readonly names: readonly string[];
  readonly profile: string | undefined;
  readonly replaces: string | undefined;
}

export interface RenewalWindow {
  readonly start: Date;
  readonly end: Date;
}

/** In place of the authority's answer. */
export interface Refusal {
  readonly status: number;
  /** `rateLimited`; none: a balancer's page, which is no problem document. */
  readonly type?: string;
  readonly detail?: string;
  readonly retryAfter?: string;
}

/** A request on its way to the authority, or the answer on its way back. */
export interface Passage {
  readonly path: string;
  readonly side: 'request' | 'answer';
  /** The asking process's end of the connection. */
  readonly port: number;
}

export interface AcmeFrontOptions {
  /** Directory of the authority behind it. */
  readonly directoryUrl: string;
  readonly trust: string;
  /** Profile names and what they are described with; none: the directory has no profiles. */
  readonly profiles?: Readonly<Record<string, string>>;
}

export class AcmeFront {
  readonly directoryUrl: string;
  /** PEM: the root that its own TLS certificate hangs on. */
  readonly trust: string;
  /** Those that were passed on, in their order. */
  readonly orders: PassingOrder[] = [];
  /** `POST /order-plz`, every request. */
  readonly asked: string[] = [];
  /** By ARI id; others are told a window in the last third of their life. */
  readonly windows = new Map<string, RenewalWindow>();
  /** Called for each request before it passes. */
  refuse: (path: string) => Refusal | undefined = () => undefined;
  /** Each waits for it. A request whose sender has gone meanwhile never reaches the authority. */
  hold: (passage: Passage) => Promise<void> = async () => undefined;
  /** True: connections are accepted and ended without a word. */
  isDown = false;
  readonly #options: AcmeFrontOptions;
  readonly #server: Server;
  readonly #replaced = new Set<string>();
  readonly #seen = new Map<string, RenewalWindow>();

  private constructor(options: AcmeFrontOptions, server: Server, trust: string) {
    this.#options = options;
    this.#server = server;
    this.trust = trust;
    const { port } = server.address() as AddressInfo;
    this.directoryUrl = `https://localhost:${port}${new URL(options.directoryUrl).pathname}`;
    server.on('request', (request, response) => {
      // An authority that has stopped: as with a balancer that finds nobody behind it.
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: AcmeFrontOptions): Promise<AcmeFront> {
    const now = new Date();
    const root = await issueAuthority(['localhost'], now);
    const { certificate, key } = await issueLeaf(root, ['localhost'], now);
    const server = createServer({ cert: certificate, key });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new AcmeFront(options, server, root.certificate);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    this.asked.push(`${request.method} ${path}`);
    if (this.isDown) {
      request.destroy();
      return;
    }
    const refusal = this.refuse(path);
    if (refusal !== undefined) {
      sendRefusal(response, refusal);
      return;
    }
    const body = await buffer(request);
    if (path.startsWith(renewalPath)) {
      this.#tellWindow(path.slice(renewalPath.length), response);
      return;
    }
    const port = request.socket.remotePort ?? 0;
    await this.hold({ path, side: 'request', port });
    if (request.socket.destroyed) return;
    const order = orderIn(body);
    if (order?.replaces !== undefined && this.#replaced.has(order.replaces)) {
      sendRefusal(response, { status: 409, type: 'alreadyReplaced', detail: 'it was replaced' });
      return;
    }
    const answer = await this.#ask(request, path, body);
    if (order !== undefined && answer.status === 201) {
      this.orders.push(order);
      if (order.replaces !== undefined) this.#replaced.add(order.replaces);
    }
    await this.hold({ path, side: 'answer', port });
    response.writeHead(answer.status, answer.headers).end(this.#added(path, answer.body));
  }

  /** With its own Host: the authority then writes the front's address into all its URLs. */
  async #ask(
    request: IncomingMessage,
    path: string,
    body: Buffer,
  ): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
    const { headers, method = 'GET' } = request;
    const passed = httpsRequest(new URL(path, this.#options.directoryUrl), {
      method,
      headers: { ...headers, connection: 'close' },
      ca: this.#options.trust,
      agent: false,
    });
    passed.end(body);
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    const kept = ['content-type', 'location', 'link', 'replay-nonce', 'retry-after', 'date'];
    const entries = kept.flatMap((name) => {
      const value = answer.headers[name];
      return value === undefined ? [] : [[name, String(value)] as const];
    });
    return {
      status: answer.statusCode ?? 502,
      headers: Object.fromEntries(entries),
      body: await buffer(answer),
    };
  }

  #added(path: string, body: Buffer): Buffer {
    if (path === new URL(this.directoryUrl).pathname) return this.#directory(body);
    const text = body.toString();
    if (text.startsWith('-----BEGIN CERTIFICATE')) this.#remember(text);
    return body;
  }

  #directory(body: Buffer): Buffer {
    const directory = JSON.parse(body.toString()) as { meta?: object };
    const { profiles } = this.#options;
    const { origin } = new URL(this.directoryUrl);
    const added = {
      ...directory,
      renewalInfo: `${origin}${renewalPath.slice(0, -1)}`,
      meta: { ...directory.meta, ...(profiles === undefined ? {} : { profiles }) },
    };
    return Buffer.from(JSON.stringify(added));
  }

  #remember(chain: string): void {
    const { notBefore, notAfter } = new X509Certificate(chain);
    const lifeMs = notAfter.getTime() - notBefore.getTime();
    const at = (fraction: number): Date => new Date(notBefore.getTime() + lifeMs * fraction);
    this.#seen.set(ariIdOf(chain), { start: at(0.66), end: at(0.7) });
  }

  #tellWindow(ariId: string, response: ServerResponse): void {
    const window = this.windows.get(ariId) ?? this.#seen.get(ariId);
    if (window === undefined) {
      sendRefusal(response, { status: 404, type: 'malformed', detail: 'no such certificate' });
      return;
    }
    const { start, end } = window;
    const headers = { 'content-type': 'application/json', 'retry-after': '21600' };
    response.writeHead(200, headers).end(JSON.stringify({ suggestedWindow: { start, end } }));
  }
}

const renewalPath = '/renewal-info/';

function sendRefusal(
  response: ServerResponse,
  { status, type, detail, retryAfter }: Refusal,
): void {
  response.writeHead(status, {
    'content-type': type === undefined ? 'text/html' : 'application/problem+json',
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
  });
  const problem = { type: `urn:ietf:params:acme:error:${type}`, detail };
  response.end(type === undefined ? '<h1>Back soon</h1>' : JSON.stringify(problem));
}

/** A new order, told by its identifiers; undefined: something else, or no JWS at all. */
function orderIn(body: Buffer): PassingOrder | undefined {
  if (body.length === 0) return undefined;
  const { payload } = JSON.parse(body.toString()) as { payload: string };
  if (payload === '') return undefined;
  const order = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
    identifiers?: { value: string }[];
    profile?: string;
    replaces?: string;
  };
  if (order.identifiers === undefined) return undefined;
  const { identifiers, profile, replaces } = order;
  return { names: identifiers.map(({ value }) => value), profile, replaces };
}
