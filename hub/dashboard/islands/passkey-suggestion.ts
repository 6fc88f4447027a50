// A page with a field for names arrives; the passkey that somebody chose from the field's own list leaves, so nobody has to know that they have one.

import { call } from './call.ts';
import { awaitPasskey, offersPasskeys, stopAsking } from './passkeys.ts';

/** A hub that is well answers within a tenth of it; longer than this nobody who pressed a button waits for what only the page wanted. */
const patienceMs = 3000;

export class PasskeySuggestion {
  /** Of the newest offer; aborted, and neither its question nor its answer is wanted any more. */
  #offer = new AbortController();
  /** The hub's part of it, as long as that is on its way. */
  #question: { readonly ended: Promise<unknown>; readonly cut: AbortController } | undefined;

  /** Perhaps never. Undefined: stopped, or there is nothing to offer. */
  async chosen(): Promise<unknown> {
    this.#offer.abort();
    const { signal } = (this.#offer = new AbortController());
    try {
      if (!(await offersPasskeys()) || signal.aborted) return undefined;
      const question = await this.#ask();
      if (signal.aborted) return undefined;
      const response = await awaitPasskey(question);
      return signal.aborted ? undefined : response;
    } catch {
      // The hub does not answer, or the browser asks something else: the other ways are still there.
      return undefined;
    }
  }

  /**
   * Resolves when no cookie of its question can come any more over that of another: it came, or the request was ended before the
   * next one is sent.
   */
  async stop(): Promise<void> {
    this.#offer.abort();
    stopAsking();
    if (this.#question === undefined) return;
    const { ended, cut } = this.#question;
    const timer = setTimeout(() => cut.abort(), patienceMs);
    await ended;
    clearTimeout(timer);
  }

  async #ask(): Promise<unknown> {
    const cut = new AbortController();
    const asked = call('POST', '/api/v1/auth/passkey/options', {}, cut.signal);
    this.#question = { ended: asked.catch(() => undefined), cut };
    try {
      return await asked;
    } finally {
      this.#question = undefined;
    }
  }
}
