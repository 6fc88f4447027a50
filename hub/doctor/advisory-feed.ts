// The address of a list of holes arrives, with who signs it; the list leaves, if it is signed and of the right shape, or why it is of no use (security rows E-12, E-19).

import { Buffer } from 'node:buffer';

import { z } from 'zod';

import { snapshot, type Snapshot } from '../../shared/doctor/advisories.ts';
import type { SafeFetch } from '../notices/safe-fetch.ts';
import { createSafeFetch } from '../outbound/safe-fetch.ts';
import type { FeedSettings } from '../settings/advisories.ts';
import { keep, keptListPath, readKept, type SignedText } from './kept-list.ts';
import { isSignedBy } from './minisign.ts';

/** `newest`: of all lists that this hub has seen with a good signature, at the address now or before. */
export type FeedLook =
  | { readonly kind: 'list'; readonly asOf: string; readonly newest: Snapshot }
  | { readonly kind: 'unusable'; readonly reason: string; readonly newest: Snapshot | undefined };

/** The list of this program has 2 KiB; fifty times that is somebody's mistake. */
export const feedLimits = { maxBytes: 128 * 1024, timeoutMs: 5000 } as const;

const hourMs = 60 * 60 * 1000;
/** Holes become known every few weeks: four questions a day are enough, and an outage is over sooner. */
const freshMs = 6 * hourMs;
const retryMs = hourMs / 6;

export function openFeed(settings: FeedSettings, dataDir: string): AdvisoryFeed {
  return new AdvisoryFeed(settings, createSafeFetch(feedLimits), keptListPath(dataDir));
}

export class AdvisoryFeed {
  readonly #settings: FeedSettings;
  readonly #fetch: SafeFetch;
  readonly #keptPath: string;
  readonly #nowMs: () => number;
  #newest: Snapshot | undefined;
  #looked: Promise<FeedLook> | undefined;
  #askAgainAtMs = 0;

  constructor(
    settings: FeedSettings,
    fetch: SafeFetch,
    keptPath: string,
    nowMs: () => number = Date.now,
  ) {
    this.#settings = settings;
    this.#fetch = fetch;
    this.#keptPath = keptPath;
    this.#nowMs = nowMs;
  }

  /** Asks only when somebody looks, and not each time. Never rejects. */
  async look(): Promise<FeedLook> {
    if (this.#looked !== undefined && this.#nowMs() < this.#askAgainAtMs) return this.#looked;
    this.#askAgainAtMs = this.#nowMs() + retryMs;
    this.#looked = this.#ask();
    const look = await this.#looked;
    if (look.kind === 'list') this.#askAgainAtMs = this.#nowMs() + freshMs;
    return look;
  }

  async #ask(): Promise<FeedLook> {
    this.#newest ??= await this.#kept();
    try {
      const signed = await this.#fetchSigned();
      const list = this.#listOf(signed);
      const newest = newestOf(this.#newest, list);
      if (newest.asOf !== this.#newest?.asOf) await keep(this.#keptPath, signed);
      this.#newest = newest;
      return { kind: 'list', asOf: list.asOf, newest };
    } catch (error) {
      return { kind: 'unusable', reason: reasonOf(error), newest: this.#newest };
    }
  }

  /** Of a signer who is not trusted any more it counts no longer. */
  async #kept(): Promise<Snapshot | undefined> {
    const signed = await readKept(this.#keptPath);
    try {
      return signed && this.#listOf(signed);
    } catch {
      return undefined;
    }
  }

  async #fetchSigned(): Promise<SignedText> {
    const { url } = this.#settings;
    const signatureUrl = new URL(url);
    signatureUrl.pathname += '.minisig';
    const [content, signature] = await Promise.all([this.#get(url), this.#get(signatureUrl.href)]);
    return { content, signature: signature.toString('latin1') };
  }

  #listOf({ content, signature }: SignedText): Snapshot {
    if (!isSignedBy(this.#settings.signer, content, signature))
      throw new Error('it is not signed with the key of HUB_ADVISORY_SIGNER');
    return listSchema.parse(JSON.parse(content.toString('utf8')));
  }

  async #get(url: string): Promise<Buffer> {
    // Whoever runs the hub has named it: a mirror in a network of his own will do.
    const response = await this.#fetch(url, { allowPrivate: true });
    if (response.status !== 200) throw new Error(`${url} answered with ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

/** Nobody takes this program back to an older list than its own, or than one that it has seen, by showing a former one. */
export function newerOf(look: FeedLook | undefined): Snapshot {
  return look?.newest !== undefined && look.newest.asOf > snapshot.asOf ? look.newest : snapshot;
}

/** Of one day the one that is shown now: its signer may have mended it. */
function newestOf(seen: Snapshot | undefined, shown: Snapshot): Snapshot {
  return seen !== undefined && seen.asOf > shown.asOf ? seen : shown;
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError || error instanceof z.ZodError)
    return 'it is signed, but no list that this version understands';
  return error instanceof Error ? error.message : String(error);
}

/** What is printed beside a finding, by whoever signed it: short, and in letters that a terminal does nothing by. */
const word = z.string().regex(/^[\w ().,:/@-]{1,100}$/);
const advisorySchema = z.object({
  id: word,
  fixedIn: z.string().regex(/^\d{1,6}(\.\d{1,6}){0,3}$/),
});
const listSchema = z.object({
  asOf: z.iso.date(),
  node: z.record(z.string().regex(/^\d{1,3}$/), advisorySchema.extend({ end: z.iso.date() })),
  openssl: z.record(z.string().regex(/^\d{1,3}\.\d{1,3}$/), advisorySchema),
  packages: z.record(
    z.string().regex(/^(@[a-z0-9-]{1,60}\/)?[a-z0-9][a-z0-9._-]{0,80}$/),
    advisorySchema,
  ),
});
