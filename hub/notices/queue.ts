// Notices arrive from every room, which wait for none of them; letters and requests leave, each tried three times (row A-22).

import { setTimeout as pause } from 'node:timers/promises';

import type { Logger } from '../../shared/log.ts';
import type { Addressees } from './addressee.ts';
import { defaultNoticeLimits, type NoticeLimits } from './limits.ts';
import type { Mailer } from './mailer.ts';
import { isForAdmins, type Notice, type Notices } from './notice.ts';
import { letterText, messageOf, type Message } from './targets/message.ts';
import type { NoticeTarget, NoticeTargetStore, TargetKind } from './targets/target.ts';
import { Throttle } from './throttle.ts';

export interface NoticeQueueOptions {
  readonly addressees: Addressees;
  readonly targets: Pick<NoticeTargetStore, 'hearing'>;
  readonly send: (target: NoticeTarget, message: Message) => Promise<void>;
  readonly mailer: Mailer;
  /** `https://hub.example.org`, known once the hub listens. */
  readonly hub: () => string;
  readonly log: Logger;
  /** For counters. */
  readonly onOutcome?: (channel: TargetKind, outcome: 'sent' | 'failed') => void;
  /** After the last try. */
  readonly onFailed?: (failed: FailedNotice) => void;
  /** For counters: never even tried. */
  readonly onDropped?: (reason: 'full' | 'throttled') => void;
  readonly limits?: NoticeLimits;
  readonly now?: () => Date;
}

export interface FailedNotice {
  readonly channel: TargetKind;
  readonly kind: string;
  readonly error: unknown;
}

/** One letter or one request, with all its tries. */
interface Delivery {
  readonly channel: TargetKind;
  readonly message: Message;
  readonly attempt: () => Promise<void>;
  tries: number;
}

export class NoticeQueue implements Notices {
  readonly #options: NoticeQueueOptions;
  readonly #limits: NoticeLimits;
  readonly #throttle: Throttle;
  readonly #stopping = new AbortController();
  readonly #notices: Notice[] = [];
  readonly #deliveries: Delivery[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #resting = new Set<Promise<void>>();
  #running = 0;

  constructor(options: NoticeQueueOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultNoticeLimits;
    this.#throttle = new Throttle(this.#limits);
  }

  tell(notice: Notice): void {
    if (this.#stopping.signal.aborted) return;
    if (!this.#throttle.admits(notice, performance.now())) return this.#drop(notice, 'throttled');
    if (this.#notices.length + this.#deliveries.length >= this.#limits.waiting)
      return this.#drop(notice, 'full');
    this.#notices.push(notice);
    // In a turn of its own: whoever tells is in the middle of something.
    setImmediate(() => this.#pump());
  }

  /** What waits gets one more try, and a few seconds for it; the rest is told to the log. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const late = new AbortController();
    const { stopMs } = this.#limits;
    const patience = pause(stopMs, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([this.#idle(), patience]);
    late.abort();
    const left = this.#notices.length + this.#deliveries.length + this.#running;
    if (left > 0) this.#options.log.warn({ left }, 'notices were not sent before the end');
  }

  async #idle(): Promise<void> {
    this.#pump();
    while (this.#underWay.size + this.#resting.size > 0)
      await Promise.all([...this.#underWay, ...this.#resting]);
  }

  #drop({ kind }: Notice, reason: 'full' | 'throttled'): void {
    this.#options.onDropped?.(reason);
    this.#options.log.warn({ kind, reason }, 'a notice was dropped: there are too many');
  }

  #pump(): void {
    while (this.#running < this.#limits.atOnce) {
      const work = this.#next();
      if (work === undefined) return;
      this.#running += 1;
      const running = work().finally(() => {
        this.#running -= 1;
        this.#underWay.delete(running);
        this.#pump();
      });
      this.#underWay.add(running);
    }
  }

  /** What was begun first. */
  #next(): (() => Promise<void>) | undefined {
    const delivery = this.#deliveries.shift();
    if (delivery !== undefined) return async () => this.#deliver(delivery);
    const notice = this.#notices.shift();
    return notice && (async () => this.#address(notice));
  }

  async #address(notice: Notice): Promise<void> {
    const { addressees, targets, hub, log, now = () => new Date() } = this.#options;
    try {
      const people = await addressees.of(notice.to);
      const message = messageOf(notice, hub(), now());
      const heard = await targets.hearing(notice.kind, {
        accountIds: people.map(({ accountId }) => accountId),
        hub: isForAdmins(notice.to),
      });
      const former = notice.to.kind === 'account' ? notice.to.formerEmail : undefined;
      const emails = new Set(
        [...people.map(({ email }) => email), former].flatMap((one) => one ?? []),
      );
      for (const email of this.#options.mailer.isSet ? emails : [])
        this.#deliveries.push(this.#letter(email, message));
      for (const target of heard) {
        const attempt = async () => this.#options.send(target, message);
        this.#deliveries.push({ channel: target.kind, message, attempt, tries: 0 });
      }
    } catch (error) {
      log.error({ err: error, kind: notice.kind }, 'a notice could not be addressed');
    }
  }

  #letter(to: string, message: Message): Delivery {
    const letter = { to, subject: message.title, text: letterText(message) };
    const attempt = async () => this.#options.mailer.send(letter);
    return { channel: 'mail', message, attempt, tries: 0 };
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { channel, message } = delivery;
    delivery.tries += 1;
    try {
      await delivery.attempt();
      this.#options.onOutcome?.(channel, 'sent');
    } catch (error) {
      if (delivery.tries < this.#limits.tries && !this.#stopping.signal.aborted)
        return this.#retryLater(delivery);
      this.#options.onOutcome?.(channel, 'failed');
      this.#options.onFailed?.({ channel, kind: message.kind, error });
      const facts = { channel, kind: message.kind, tries: delivery.tries };
      this.#options.log.warn({ err: error, ...facts }, 'a notice could not be sent');
    }
    return undefined;
  }

  /** Beside the queue: what waits for a receiver holds nobody else up. */
  #retryLater(delivery: Delivery): void {
    const { pausesMs } = this.#limits;
    const ms = pausesMs[delivery.tries - 1] ?? pausesMs.at(-1) ?? 0;
    const { signal } = this.#stopping;
    const resting = pause(ms, undefined, { signal, ref: false })
      .catch(() => undefined)
      .then(() => {
        this.#resting.delete(resting);
        this.#deliveries.push(delivery);
        this.#pump();
      });
    this.#resting.add(resting);
  }
}
