// A password arrives; whether it stands in a list of stolen ones leaves, of which the list's keeper learns five letters of a hash (row A-12).

import { createHash } from 'node:crypto';

import type { SafeFetch } from '../../notices/safe-fetch.ts';
import { normalized } from './policy.ts';

/** unknown: nobody was asked, or no answer came. */
export type Breach = 'clean' | 'found' | 'unknown';

export interface Breaches {
  look(password: string): Promise<Breach>;
}

export interface BreachListOptions {
  readonly fetch: SafeFetch;
  /** `https://api.pwnedpasswords.com`, or that of a mirror. */
  readonly baseUrl: URL;
  /** A mirror that its operator wrote down may stand in his own network. */
  readonly isMirror: boolean;
}

/** A sign-in does not wait for it, but whoever chooses a password does. */
const patienceMs = 3000;

const prefixLength = 5;

/** Have I Been Pwned's range API: k-anonymity, padded, so that the answer's length says nothing either. */
export class BreachList implements Breaches {
  readonly #options: BreachListOptions;

  constructor(options: BreachListOptions) {
    this.#options = options;
  }

  async look(password: string): Promise<Breach> {
    // SHA-1 is what the list is made of; it protects nothing here.
    const hash = createHash('sha1').update(normalized(password)).digest('hex').toUpperCase();
    const rows = await this.#ask(hash.slice(0, prefixLength));
    if (rows === undefined) return 'unknown';
    return countOf(hash.slice(prefixLength), rows) > 0 ? 'found' : 'clean';
  }

  async #ask(prefix: string): Promise<string | undefined> {
    const { fetch, baseUrl, isMirror } = this.#options;
    const base = baseUrl.href.replace(/\/$/, '');
    try {
      const response = await fetch(`${base}/range/${prefix}`, {
        headers: { 'add-padding': 'true', accept: 'text/plain' },
        signal: AbortSignal.timeout(patienceMs),
        allowPrivate: isMirror,
      });
      return response.status === 200 ? await response.text() : undefined;
    } catch {
      // Whatever kept the answer away: nobody is kept from a password by it (row A-12: fail open).
      return undefined;
    }
  }
}

/** HUB_HIBP=off. */
export const noBreaches: Breaches = { look: async () => 'unknown' };

/** Rows are `<35 letters>:<count>`; those with 0 are padding. */
function countOf(suffix: string, rows: string): number {
  for (const row of rows.split('\n')) {
    const [name = '', count = ''] = row.trim().split(':');
    if (name.toUpperCase() === suffix) return Number(count) || 0;
  }
  return 0;
}
