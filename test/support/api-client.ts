// A running hub arrives; a client of its API leaves that behaves as a page of the hub in a browser does: cookies, and where it stands.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';

import type { HubProcess } from './deployment.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly setCookies: readonly string[];
  readonly text: string;
  /** Empty where there is none. */
  readonly json: { readonly [name: string]: unknown };
}

export interface ApiQuestion {
  readonly body?: object;
  /** Instead of a body. */
  readonly raw?: string;
  /** On top of a page's own; undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const hubHost = 'hub.localhost';

export class ApiClient {
  readonly cookies = new Map<string, string>();
  readonly #hub: HubProcess;
  readonly #port: number;
  readonly #ca: string;

  readonly #from: string | undefined;

  /** `port`: another door than the visitors'. `from`: another address of loopback. */
  constructor(hub: HubProcess, port = hub.ports.https, from?: string) {
    this.#from = from;
    this.#hub = hub;
    this.#port = port;
    this.#ca = readFileSync(hub.caFile, 'utf8');
  }

  get origin(): string {
    return `https://${hubHost}:${this.#port}`;
  }

  /** `path` as in the address bar; below the API with `/api/v1`. */
  async ask(method: string, path: string, question: ApiQuestion = {}): Promise<ApiAnswer> {
    const response = await this.open(method, path, question);
    let text = '';
    response.setEncoding('utf8');
    for await (const piece of response) text += String(piece);
    const isJson = String(response.headers['content-type']).includes('json') && text !== '';
    const setCookies = response.headers['set-cookie'] ?? [];
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      setCookies,
      text,
      json: isJson ? (JSON.parse(text) as ApiAnswer['json']) : {},
    };
  }

  /** An answer that is still under way, such as an event stream. */
  async open(
    method: string,
    path: string,
    { body, raw, headers = {} }: ApiQuestion = {},
  ): Promise<IncomingMessage> {
    const text = body === undefined ? raw : JSON.stringify(body);
    const own = {
      host: new URL(this.origin).host,
      'sec-fetch-site': 'same-origin',
      ...(this.cookies.size > 0 && { cookie: this.cookieLine }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(text !== undefined && { 'content-length': String(Buffer.byteLength(text)) }),
      ...headers,
    };
    const sent = Object.entries(own).filter(([, value]) => value !== undefined);
    const asked = request({
      method,
      path,
      host: '127.0.0.1',
      port: this.#port,
      ...(this.#from !== undefined && { localAddress: this.#from }),
      servername: hubHost,
      ca: this.#ca,
      agent: false,
      headers: Object.fromEntries(sent) as Record<string, string>,
    });
    asked.end(text);
    const [response] = (await once(asked, 'response', {
      signal: AbortSignal.timeout(20_000),
    })) as [IncomingMessage];
    for (const line of response.headers['set-cookie'] ?? []) this.#keep(line);
    return response;
  }

  get cookieLine(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** The first admin of a fresh hub. */
  async becomeAdmin(username = 'robin'): Promise<void> {
    const token = readFileSync(join(this.#hub.folder, 'setup-token'), 'utf8').trim();
    const { status, text } = await this.ask('POST', '/api/v1/setup', {
      body: { token, username, password },
    });
    if (status !== 200) throw new Error(`setup answered ${status}: ${text}`);
  }

  /** Somebody whom this admin invites; signed in, in a browser of his own. */
  async invite(username: string, role: 'owner' | 'member'): Promise<ApiClient> {
    const { json } = await this.askProven('POST', '/api/v1/admin/invitations', { role });
    const link = String(json['link']);
    const token = link.slice(link.indexOf('#') + 1);
    const guest = new ApiClient(this.#hub, this.#port);
    const { status, text } = await guest.ask('POST', '/api/v1/invitations/accept', {
      body: { token, username, password },
    });
    if (status !== 200) throw new Error(`the invitation answered ${status}: ${text}`);
    return guest;
  }

  /** Proves with the password what a step-up asks for, and asks again. */
  async askProven(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const question = body === undefined ? {} : { body };
    const first = await this.ask(method, path, question);
    if (first.json['code'] !== 'login.step-up') return first;
    const challenge = String(first.json['challenge_id']);
    const proven = await this.ask('POST', `/api/v1/auth/step-up/${challenge}/password`, {
      body: { password },
    });
    if (proven.status !== 200) throw new Error(`the step-up answered ${proven.text}`);
    const proof = proven.json['proof'];
    const headers = typeof proof === 'string' ? { 'x-phlix-step-up': proof } : {};
    return this.ask(method, path, { ...question, headers });
  }

  #keep(line: string): void {
    const [pair = ''] = line.split(';');
    const equals = pair.indexOf('=');
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    if (value === '') this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

/** Fifteen characters and more: what one wants who has no second factor. */
export const password = 'a river of slow green glass';
