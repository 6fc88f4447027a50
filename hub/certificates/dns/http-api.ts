// One request to a provider's API arrives; its answer leaves as JSON of the expected shape, or as an error that says what to change.

import { Buffer } from 'node:buffer';
import { setTimeout as pause } from 'node:timers/promises';

import type { z } from 'zod';

import type { Secret } from '../../../shared/settings/secret.ts';
import { DnsError } from './failure.ts';

export interface ApiRequest {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT';
  /** Below the base URL, its parts already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/** What goes out, so that it can be signed. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

export interface HttpApiOptions {
  /** As people write it: `Cloudflare`. */
  readonly provider: string;
  readonly baseUrl: string;
  /** Asked anew for each attempt. */
  readonly headers: (request: OutgoingRequest) => Readonly<Record<string, string>>;
  /** The API's own words in the body of a refusal. Undefined: it has none of the expected shape. */
  readonly reasonIn: (text: string) => string | undefined;
  /** Refusals that mean "I do not know you" under another status than 401. */
  readonly isUnknownCredential?: (text: string) => boolean;
  /** Which setting is wrong when the API knows nobody of this name: "HUB_DNS_..., made at ...". */
  readonly credential: string;
}

/** Providers answer in a second; a renewal may wait, but not for ever. */
const requestTimeoutMs = 15_000;
/** A page of a hundred records is 50 KB. */
const maxAnswerBytes = 4 * 1024 * 1024;
/** An outage of a few seconds is waited out here, a longer one by the renewal's own back-off. */
const retryPausesMs = [500, 2000];
/** Longer waits are the caller's: a lease must not be slept on. */
const longestWaitMs = 30_000;
/** A certificate is renewed thirty days before its end: what asks for more than eight is a mistake, or hostile. */
const longestRetryAfterMs = 8 * 86_400_000;
const maxQuotedChars = 200;

export class HttpApi {
  readonly #options: HttpApiOptions;
  readonly #base: URL;

  /** @throws DnsError `dns.misconfigured` */
  constructor(options: HttpApiOptions) {
    const base = URL.parse(options.baseUrl);
    if (base === null || !/^https?:$/.test(base.protocol)) {
      const message = `The address of the ${options.provider} API is no http or https URL: ${options.baseUrl}.`;
      throw new DnsError('dns.misconfigured', message);
    }
    this.#options = options;
    this.#base = base;
  }

  /** @throws DnsError for every status but 2xx, and for what does not fit the schema */
  async json<Schema extends z.ZodType>(
    request: ApiRequest,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    const answer = await this.send(request, signal);
    if (answer.status < 200 || answer.status > 299) throw this.refusal(request, answer);
    return this.read(answer, schema);
  }

  /** @throws DnsError `dns.bad-answer` for what does not fit */
  read<Schema extends z.ZodType>(answer: ApiAnswer, schema: Schema): z.output<Schema> {
    const parsed = schema.safeParse(parseJson(answer.text));
    if (parsed.success) return parsed.data;
    throw this.#badAnswer(answer);
  }

  /** Whatever status comes, once the passing troubles (429, 5xx, a broken line) are over. @throws DnsError */
  async send(request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#attempt(request, signal);
      if (outcome.failure === undefined) return outcome.answer;
      const pauseMs = outcome.failure.retryAfterMs ?? retryPausesMs[attempt];
      const isLast = attempt >= retryPausesMs.length;
      if (isLast || pauseMs === undefined || pauseMs > longestWaitMs) throw outcome.failure;
      await pause(pauseMs, undefined, { signal });
    }
  }

  /** The error for an answer that says no. */
  refusal(request: ApiRequest, answer: ApiAnswer): DnsError {
    const { provider, credential } = this.#options;
    const said = this.#said(answer);
    if (answer.status === 401 || this.#options.isUnknownCredential?.(answer.text) === true) {
      const message = `${provider} does not accept the credentials (${said}): check ${credential}.`;
      return new DnsError('dns.unauthorised', message);
    }
    if (answer.status === 403) {
      const message = `${provider} does not allow ${request.method} ${request.path} (${said}): give ${credential} the right to edit this zone's records.`;
      return new DnsError('dns.forbidden', message);
    }
    if (
      answer.status >= 400 &&
      answer.status < 500 &&
      this.#options.reasonIn(answer.text) !== undefined
    ) {
      const message = `${provider} refused ${request.method} ${request.path} (${said}).`;
      return new DnsError('dns.rejected', message);
    }
    return this.#badAnswer(answer);
  }

  async #attempt(
    request: ApiRequest,
    signal: AbortSignal,
  ): Promise<{ answer: ApiAnswer; failure: undefined } | { failure: DnsError }> {
    const { provider } = this.#options;
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(request, signal);
      text = await boundedText(response);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof DnsError) throw cause;
      const message = `The ${provider} API at ${this.#base.host} cannot be reached (${reasonOf(cause)}): check the hub's way out to it.`;
      return { failure: new DnsError('dns.unreachable', message, { cause }) };
    }
    const answer = { status: response.status, text };
    if (response.status === 429) return { failure: this.#limited(response, answer) };
    if (response.status >= 500) {
      const message = `The ${provider} API fails (${this.#said(answer)}); it is tried again, see the provider's status page if it lasts.`;
      const retryAfterMs = retryAfter(response);
      return { failure: new DnsError('dns.unreachable', message, { retryAfterMs }) };
    }
    return { answer, failure: undefined };
  }

  async #fetch({ method, path, query, body }: ApiRequest, signal: AbortSignal): Promise<Response> {
    const url = new URL(this.#base);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.append(name, value);
    const headers = this.#options.headers({ method, url, body: body ?? '' });
    return fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      // To follow would hand the credentials to whoever the answer names.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    });
  }

  #limited(response: Response, answer: ApiAnswer): DnsError {
    const retryAfterMs = retryAfter(response);
    const when = retryAfterMs === undefined ? '' : ` for ${Math.ceil(retryAfterMs / 1000)} s`;
    const message = `${this.#options.provider} wants no more requests${when} (${this.#said(answer)}); it is tried again then.`;
    return new DnsError('dns.rate-limited', message, { retryAfterMs });
  }

  #badAnswer(answer: ApiAnswer): DnsError {
    const { provider } = this.#options;
    const message = `What answers at ${this.#base.host} is not the ${provider} API (${this.#said(answer)}): check its address, and proxies on the way.`;
    return new DnsError('dns.bad-answer', message);
  }

  #said({ status, text }: ApiAnswer): string {
    const reason = this.#options.reasonIn(text);
    const quoted = (reason ?? text).replaceAll(/\s+/g, ' ').trim().slice(0, maxQuotedChars);
    return quoted === '' ? `HTTP ${status}` : `HTTP ${status}: ${quoted}`;
  }
}

/**
 * A credential as it may stand in a header field. fetch would quote one with a stray line break in its error.
 * @throws DnsError `dns.misconfigured`
 */
export function fieldText(secret: Secret, what: string): string {
  const text = secret.reveal();
  if (/^[\x21-\x7E]+$/.test(text)) return text;
  throw new DnsError(
    'dns.misconfigured',
    `${what} is empty or has blanks in it: copy it again, whole.`,
  );
}

/** Undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get('retry-after');
  if (text === null) return undefined;
  const isSeconds = /^\d{1,9}(\.\d+)?$/.test(text);
  const ms = isSeconds ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), longestRetryAfterMs);
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) {
      const message = `${new URL(response.url).host} answers with more than ${maxAnswerBytes} bytes, which no API of this kind does.`;
      throw new DnsError('dns.bad-answer', message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed" and hides why in the cause.
  return error.cause instanceof Error ? error.cause.message : error.message;
}
