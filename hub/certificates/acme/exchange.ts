// One request to an authority arrives; its answer leaves, bounded in time and size, from the host that was asked and from no other.

import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { isIP } from 'node:net';

// Inside acme-client, @peculiar/x509 expects whoever imports it to bring the polyfill.
import 'reflect-metadata';
import { axios } from 'acme-client';

import { AcmeError } from './problem.ts';
import { inWords } from './refusal.ts';

export interface ExchangeOptions {
  readonly directoryUrl: string;
  /** PEM of roots to trust beside those of this machine: a private authority's own. */
  readonly trust?: string | undefined;
  /** From the first byte of a request to the last one of its answer. */
  readonly requestMs?: number | undefined;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** What its JSON says, or its text. */
  readonly data: unknown;
}

export class Exchange {
  /** What the authority is called in messages. */
  readonly host: string;
  readonly directoryUrl: string;
  readonly #origin: URL;
  readonly #agent: DirectAgent;
  readonly #requestMs: number;

  /** @throws AcmeError acme.misconfigured */
  constructor({ directoryUrl, trust, requestMs = defaultRequestMs }: ExchangeOptions) {
    const origin = URL.canParse(directoryUrl) ? new URL(directoryUrl) : undefined;
    if (origin?.protocol !== 'https:' || origin.username !== '') {
      throw new AcmeError(
        'acme.misconfigured',
        'The address of the ACME directory must begin with https:// (RFC 8555 §6.1) and hold no password; set HUB_ACME_DIRECTORY.',
      );
    }
    this.#origin = origin;
    this.host = origin.host;
    this.directoryUrl = directoryUrl;
    this.#agent = new DirectAgent(trust);
    this.#requestMs = requestMs;
  }

  /**
   * Any status is an answer, but no redirect: RFC 8555 knows none, and a signed request is meant for one address.
   * @throws AcmeError, or the signal's reason
   */
  async request(url: string, method: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    this.#refuseElsewhere(url);
    const late = AbortSignal.timeout(this.#requestMs);
    const response = await http
      .request<string>({
        url,
        method,
        data: body === undefined ? undefined : JSON.stringify(body),
        headers: { ...headers, ...(body === undefined ? {} : contentType) },
        httpsAgent: this.#agent,
        signal: AbortSignal.any([signal, late]),
      })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw late.aborted ? this.#tooSlow(error) : this.#failure(error);
      });
    const answer = { status: response.status, headers: plainHeaders(response.headers) };
    if (answer.status >= 300 && answer.status < 400) throw this.#redirected(answer.headers);
    return { ...answer, data: dataOf(response.data, answer.headers['content-type']) };
  }

  isOfAuthority(url: string): boolean {
    const target = URL.canParse(url) ? new URL(url) : undefined;
    return target?.protocol === 'https:' && target.hostname === this.#origin.hostname;
  }

  /**
   * An authority keeps its resources on the host of its directory; one that names another has been taken over, or makes
   * the hub send requests into its own network.
   */
  #refuseElsewhere(url: string): void {
    if (this.isOfAuthority(url)) return;
    throw new AcmeError(
      'acme.bad-answer',
      `${this.host} names an address on another host for a resource of its own; the hub does not follow. Check HUB_ACME_DIRECTORY.`,
    );
  }

  #redirected({ location }: Answer['headers']): AcmeError {
    const target = location !== undefined && URL.canParse(location, this.#origin.href);
    const where = target ? ` to ${new URL(location, this.#origin.href).host}` : '';
    return new AcmeError(
      'acme.bad-answer',
      `${this.host} redirects${where}, which the hub does not follow; set HUB_ACME_DIRECTORY to the address it leads to, if that is the authority.`,
    );
  }

  #tooSlow(cause: unknown): AcmeError {
    return new AcmeError(
      'acme.unreachable',
      `${this.host} does not answer within ${inWords(this.#requestMs)}; the hub tries again by itself.`,
      { cause },
    );
  }

  #failure(cause: unknown): AcmeError {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (code === 'CERT_NOT_YET_VALID') {
      return new AcmeError(
        'acme.clock',
        `The TLS certificate of ${this.host} begins in the future: the clock of this machine is behind. Set it (timedatectl set-ntp true).`,
        { cause },
      );
    }
    if (trustFailures.test(code)) {
      return new AcmeError('acme.untrusted', `${this.host}: ${reason}. ${untrustedRemedy}`, {
        cause,
      });
    }
    if (reason.includes('maxContentLength')) {
      return new AcmeError(
        'acme.bad-answer',
        `${this.host} answers with more than ${maxAnswerBytes / 1024} KiB, which no ACME answer needs; check HUB_ACME_DIRECTORY.`,
        { cause },
      );
    }
    return new AcmeError(
      'acme.unreachable',
      `${this.host} cannot be reached (${reason}); the hub tries again by itself. If it stays so, check this machine's DNS and what its firewall lets out.`,
      { cause },
    );
  }
}

/**
 * An https.Agent's work, done here because a domain imports no HTTP and axios takes roots from its agent alone. A connection
 * for each request: an order needs some twenty, minutes may pass between them, and none is then found half closed.
 */
class DirectAgent {
  readonly defaultPort = 443;
  readonly protocol = 'https:';
  /** axios reads it for the TLS inside a proxy's tunnel. */
  readonly options: { readonly ca?: string[] };
  /** Once: 140 roots take longer to read than the rest of a handshake. */
  readonly #secureContext: SecureContext;

  constructor(trust: string | undefined) {
    this.options = trust === undefined ? {} : { ca: [...getCACertificates(), ...rootsIn(trust)] };
    this.#secureContext = createSecureContext(this.options);
  }

  addRequest(
    request: { onSocket(socket: Duplex): void },
    { host, port }: { host: string; port: number },
  ): void {
    const servername = isIP(host) === 0 ? host : '';
    const secureContext = this.#secureContext;
    const ALPNProtocols = ['http/1.1'];
    request.onSocket(connect({ host, port, servername, secureContext, ALPNProtocols }));
  }
}

/** OpenSSL passes over what it cannot read, and the operator would look for the mistake elsewhere. */
function rootsIn(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    const roots = blocks.map((block) => new X509Certificate(block).toString());
    if (roots.length > 0) return roots;
  } catch {}
  throw new AcmeError(
    'acme.misconfigured',
    'The file in HUB_ACME_CA_FILE holds no certificate that can be read; it has to be the PEM of the root that signed the certificate of the ACME server.',
  );
}

/** Whoever has said nothing for so long has forgotten the request; finalizing takes the slowest authorities some seconds. */
const defaultRequestMs = 15_000;
/** A chain of four certificates and a directory are 8 KiB each. */
const maxAnswerBytes = 256 * 1024;

/**
 * Without the interceptors that acme-client puts around its own: they sleep through Retry-After and send the same nonce
 * again. Text only, so that what is no JSON is seen here.
 */
const http = axios.create({
  maxRedirects: 0,
  maxContentLength: maxAnswerBytes,
  // A kilobyte of gzip can be a gigabyte of text, and nothing here is worth packing.
  decompress: false,
  responseType: 'text',
  transformResponse: [],
  validateStatus: () => true,
});

/** RFC 8555 §6.1 demands both. */
const headers = {
  'user-agent': 'phlix-hub',
  'accept-language': 'en',
  'accept-encoding': 'identity',
};
const contentType = { 'content-type': 'application/jose+json' };

const trustFailures =
  /^(?:CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_TLS_CERT)/;
const untrustedRemedy =
  "Its certificate is not trusted: for a private authority give the hub its root in HUB_ACME_CA_FILE; for a public one check this machine's clock and its ca-certificates, and whether somebody sits in between.";

function plainHeaders(headers: object): Record<string, string> {
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
}

/** Something that calls itself JSON and is none is taken for text, which nobody asks for where JSON is due. */
function dataOf(text: unknown, type = ''): unknown {
  if (typeof text !== 'string') return '';
  if (!/^application\/(?:problem\+)?json\b/i.test(type)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
