// Requests arrive whose visitor a trusted proxy did not name; a line in a while leaves, and for the page of health when it last was so.

import type { Logger } from '../../shared/log.ts';

/** A complaint that would come with every request comes once in a while. */
const complaintIntervalMs = 60_000;

export class Unnamed {
  readonly #log: Logger;
  #complainedAt = -Infinity;
  #at: Date | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** When it last happened. */
  get at(): Date | undefined {
    return this.#at;
  }

  note(proxy: string): void {
    const now = performance.now();
    if (now - this.#complainedAt < complaintIntervalMs) return;
    this.#complainedAt = now;
    this.#at = new Date();
    this.#log.warn(
      { proxy, code: 'net.forwarded-missing' },
      'a trusted proxy does not say who its visitors are: let it set X-Forwarded-For, or where it passes TLS through send a PROXY header, with HUB_PROXY_PROTOCOL=1',
    );
  }
}
