// The address of an authority arrives; what it offers leaves (RFC 8555 §7.1.1), read again once an hour.

import type { Exchange } from './exchange.ts';
import { AcmeError, isRecord, parseProblem, printable } from './problem.ts';
import { requestRefused, type Refuser } from './refusal.ts';
import { retryAfterMs } from './retry-after.ts';

export interface Directory extends Refuser {
  readonly url: string;
  readonly newNonce: string;
  /** RFC 9773; undefined: it says nothing about the time of renewal. */
  readonly renewalInfo: string | undefined;
  /** Where to read them; undefined: it has none. */
  readonly termsOfService: string | undefined;
  readonly requiresExternalAccount: boolean;
  /** Undefined: it knows no profiles at all. */
  readonly profiles: readonly string[] | undefined;
  /** As it came, for acme-client. */
  readonly document: Readonly<Record<string, unknown>>;
}

export class Directories {
  readonly #exchange: Exchange;
  readonly #now: () => Date;
  #known: { readonly directory: Directory; readonly until: number } | undefined;

  constructor(exchange: Exchange, now: () => Date) {
    this.#exchange = exchange;
    this.#now = now;
  }

  /** @throws AcmeError */
  async read(signal: AbortSignal): Promise<Directory> {
    if (this.#known !== undefined && performance.now() < this.#known.until) {
      return this.#known.directory;
    }
    const { directoryUrl, host } = this.#exchange;
    const answer = await this.#exchange.request(directoryUrl, 'get', undefined, signal);
    const problem = parseProblem(answer.data);
    if (answer.status >= 400 && answer.status < 429 && problem === undefined) {
      throw noDirectory(directoryUrl);
    }
    if (answer.status !== 200) {
      throw requestRefused(
        { host, caaIdentities: [] },
        {
          status: answer.status,
          problem,
          retryAfterMs: retryAfterMs(answer.headers, this.#now()),
        },
      );
    }
    const directory = parseDirectory(this.#exchange, answer.data);
    this.#known = { directory, until: performance.now() + keepMs };
    return directory;
  }
}

/** New terms or profiles are seen within the hour; a thousand certificates that ask for their time of renewal cost one reading. */
const keepMs = 3_600_000;
/** Let's Encrypt has three. */
const maxProfiles = 50;

function noDirectory(directoryUrl: string): AcmeError {
  return new AcmeError(
    'acme.bad-answer',
    `What answers at ${directoryUrl} is no ACME directory; set HUB_ACME_DIRECTORY to the address that the authority documents.`,
  );
}

function parseDirectory({ directoryUrl, host }: Exchange, document: unknown): Directory {
  if (!isRecord(document) || !resources.every((name) => typeof document[name] === 'string')) {
    throw noDirectory(directoryUrl);
  }
  const meta = isRecord(document['meta']) ? document['meta'] : {};
  const { renewalInfo } = document;
  return {
    url: directoryUrl,
    host,
    newNonce: String(document['newNonce']),
    renewalInfo: typeof renewalInfo === 'string' ? renewalInfo : undefined,
    termsOfService:
      typeof meta['termsOfService'] === 'string' ? printable(meta['termsOfService']) : undefined,
    requiresExternalAccount: meta['externalAccountRequired'] === true,
    caaIdentities: Array.isArray(meta['caaIdentities'])
      ? meta['caaIdentities'].filter(isDomain)
      : [],
    profiles: isRecord(meta['profiles'])
      ? Object.keys(meta['profiles']).filter(isProfile).slice(0, maxProfiles)
      : undefined,
    document,
  };
}

const resources = ['newNonce', 'newAccount', 'newOrder', 'revokeCert'];

/** They are shown to a person, who sets one of them. */
function isProfile(name: string): boolean {
  return /^[\w.-]{1,64}$/.test(name);
}

function isDomain(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9.-]{1,253}$/i.test(value);
}
