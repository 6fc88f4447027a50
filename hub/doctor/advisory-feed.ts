// The address of a list of holes arrives, with who signs it; the list leaves, if it is signed and of the right shape, or why it is of no use (security rows E-12, E-19).

import { Buffer } from 'node:buffer';

import { z } from 'zod';

import { snapshot, type Snapshot } from '../../shared/doctor/advisories.ts';
import type { SafeFetch } from '../notices/safe-fetch.ts';
import { createSafeFetch } from '../outbound/safe-fetch.ts';
import type { FeedSettings } from '../settings/advisories.ts';
import { isSignedBy } from './minisign.ts';

export type FeedLook =
  | { readonly kind: 'list'; readonly list: Snapshot }
  | { readonly kind: 'unusable'; readonly reason: string };

/** The list of this program has 2 KiB; fifty times that is somebody's mistake. */
export const feedLimits = { maxBytes: 128 * 1024, timeoutMs: 5000 } as const;

const hourMs = 60 * 60 * 1000;
/** Holes become known every few weeks: four questions a day are enough, and an outage is over sooner. */
const freshMs = 6 * hourMs;
const retryMs = hourMs / 6;

export function openFeed(settings: FeedSettings): AdvisoryFeed {
  return new AdvisoryFeed(settings, createSafeFetch(feedLimits));
}

export class AdvisoryFeed {
  readonly #settings: FeedSettings;
  readonly #fetch: SafeFetch;
  readonly #nowMs: () => number;
  #looked: Promise<FeedLook> | undefined;
  #askAgainAtMs = 0;

  constructor(settings: FeedSettings, fetch: SafeFetch, nowMs: () => number = Date.now) {
    this.#settings = settings;
    this.#fetch = fetch;
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
    const { url, signer } = this.#settings;
    const signatureUrl = new URL(url);
    signatureUrl.pathname += '.minisig';
    try {
      const [content, signature] = await Promise.all([
        this.#get(url),
        this.#get(signatureUrl.href),
      ]);
      if (!isSignedBy(signer, content, signature.toString('latin1')))
        return unusable('it is not signed with the key of HUB_ADVISORY_SIGNER');
      return { kind: 'list', list: listSchema.parse(JSON.parse(content.toString('utf8'))) };
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof z.ZodError)
        return unusable('it is signed, but no list that this version understands');
      return unusable(error instanceof Error ? error.message : String(error));
    }
  }

  async #get(url: string): Promise<Buffer> {
    // Whoever runs the hub has named it: a mirror in a network of his own will do.
    const response = await this.#fetch(url, { allowPrivate: true });
    if (response.status !== 200) throw new Error(`${url} answered with ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

/** Nobody takes this program back to an older list than its own by showing a former one. */
export function newerOf(look: FeedLook | undefined): Snapshot {
  return look?.kind === 'list' && look.list.asOf > snapshot.asOf ? look.list : snapshot;
}

function unusable(reason: string): FeedLook {
  return { kind: 'unusable', reason };
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
