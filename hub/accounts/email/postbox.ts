// Letters that somebody asked for arrive; they leave by mail later, so that no answer tells by its time whether there was one to send.

import type { Logger } from '../../../shared/log.ts';
import type { Letter, Mailer } from '../../notices/mailer.ts';
import { emailLimits } from './limits.ts';

interface PostboxOptions {
  readonly mailer: Mailer;
  readonly log: Logger;
  /** One was not sent: the mail server would not have it, or too many were under way. */
  readonly onFailed: () => void;
}

export class Postbox {
  readonly #options: PostboxOptions;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: PostboxOptions) {
    this.#options = options;
  }

  /** False: no HUB_SMTP_ setting, so nothing is promised by mail. */
  get isThere(): boolean {
    return this.#options.mailer.isSet;
  }

  /** `write` may find that there is nothing to send. Never throws, never blocks. */
  post(write: () => Promise<Letter | undefined>): void {
    if (this.#underWay.size >= emailLimits.lettersAtOnce) {
      this.#options.onFailed();
      this.#options.log.warn('a letter was dropped: too many are under way to the mail server');
      return;
    }
    const sending = this.#send(write).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  /** What is under way gets a few seconds. */
  async stop(): Promise<void> {
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, emailLimits.stopMs);
    await Promise.race([Promise.all(this.#underWay), patience.promise]);
    clearTimeout(timer);
    const left = this.#underWay.size;
    if (left > 0) this.#options.log.warn({ left }, 'letters were not sent before the end');
  }

  async #send(write: () => Promise<Letter | undefined>): Promise<void> {
    const { mailer, log, onFailed } = this.#options;
    try {
      const letter = await write();
      if (letter !== undefined) await mailer.send(letter);
    } catch (error) {
      onFailed();
      // Without the error itself: what a mail server says names the person that the letter was for.
      const { code, message } = error as Error & { readonly code?: string };
      log.warn({ code, reason: message }, 'a letter that somebody asked for could not be sent');
    }
  }
}
