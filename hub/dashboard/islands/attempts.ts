// Presses on the ways in arrive; one attempt at a time leaves, and the page hears which one is under way.

/** Those that the sign-in page offers side by side. */
export type Way = 'password' | 'passkey';

export interface Attempt {
  readonly way: Way;
  /** A finger or a face is awaited, and nothing of it is on its way to the hub. */
  isAtAuthenticator: boolean;
}

/**
 * The hub knows who stands at its door by one cookie, that of its last question. Two attempts at once would take it from each
 * other: no second factor would fit any more, or the second login would end the first.
 */
export class Attempts {
  #current: Attempt | undefined;
  readonly #show: (underWay: Way | undefined) => void;

  constructor(show: (underWay: Way | undefined) => void) {
    this.#show = show;
  }

  /**
   * Undefined: one is under way, and the press does nothing. An authenticator's window may be lost behind others: whoever
   * presses the same button again gets a new one, and the former attempt ends unheard.
   */
  begin(way: Way): Attempt | undefined {
    const before = this.#current;
    if (before !== undefined && !(before.isAtAuthenticator && before.way === way)) return undefined;
    this.#current = { way, isAtAuthenticator: false };
    this.#show(way);
    return this.#current;
  }

  /** @throws Error where a newer attempt took the place of this one meanwhile: it goes no further */
  async atAuthenticator<Answer>(attempt: Attempt, work: () => Promise<Answer>): Promise<Answer> {
    attempt.isAtAuthenticator = true;
    const answer = await work();
    attempt.isAtAuthenticator = false;
    if (this.#current !== attempt) throw new Error('another attempt has begun');
    return answer;
  }

  /** For one that failed: who is in leaves the page, and tries nothing more. False: a newer one took its place. */
  end(attempt: Attempt): boolean {
    if (this.#current !== attempt) return false;
    this.#current = undefined;
    this.#show(undefined);
    return true;
  }
}
