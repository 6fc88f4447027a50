// Time, the hub's wish and the media server's coming and going arrive; what the doctor finds goes to the hub, often where it is cheap and seldom where it costs the line.

import { setTimeout as after } from 'node:timers/promises';

import type { CheckupPart } from '../shared/doctor/checkup.ts';
import type { Logger } from '../shared/log.ts';
import type { Told } from './doctor/tell-checkup.ts';

/** Milliseconds. */
export interface CheckupPace {
  /** From the first link to the first look, at least and at most: a house whose power comes back does not look all at once. */
  readonly first: readonly [least: number, most: number];
  /** Between two looks while nothing happens. Certificates, clocks and versions change in days. */
  readonly home: number;
  /** Between two measurements, and from the first link to the first. */
  readonly line: number;
  readonly lineFirst: number;
  /** Between two connections to the media server, while it answers and while it does not. Nobody else may want it for hours. */
  readonly origin: number;
  readonly originGone: number;
  /** After a look that could not be told. */
  readonly retry: number;
  /** Between two looks, whoever wishes for them. */
  readonly least: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export const usualPace: CheckupPace = {
  first: [10_000, 30_000],
  home: 6 * hourMs,
  line: 24 * hourMs,
  lineFirst: 15 * minuteMs,
  origin: 5 * minuteMs,
  originGone: 30_000,
  retry: 5 * minuteMs,
  least: 2000,
};

/** What came of one look. */
export interface CheckedUp {
  readonly told: Told;
  /** Undefined: it was not looked at. */
  readonly reachesOrigin: boolean | undefined;
}

export type CheckUp = (part: CheckupPart, signal: AbortSignal) => Promise<CheckedUp>;

export interface CheckupOptions {
  /** Looks, and tells the hub. */
  readonly checkUp: CheckUp;
  readonly reachesOrigin: () => Promise<boolean>;
  /** Somebody watches: to measure now would cost him, and say too little. */
  readonly isBusy: () => boolean;
  readonly log: Logger;
  readonly pace?: CheckupPace;
  readonly random?: () => number;
}

export class Checkups {
  readonly #options: CheckupOptions;
  readonly #pace: CheckupPace;
  #wake = new AbortController();
  #isAsked = false;
  /** Taken up, and not answered yet; put off: the hub has named its time for it. */
  #wish: 'new' | 'put-off' | undefined;
  /** The hub kept what it was told of the home last: else a measurement would cost the line for nothing. */
  #isHeard = false;
  /** As the hub was told last, and as it is. Undefined: nobody knows. */
  #toldOrigin: boolean | undefined;
  #origin: boolean | undefined;
  /** By the monotonic clock. */
  #homeDueMs = 0;
  #lineDueMs = 0;
  #notBeforeMs = 0;

  constructor(options: CheckupOptions) {
    this.#options = options;
    this.#pace = options.pace ?? usualPace;
  }

  /** The hub wishes for one, line and all. */
  ask(): void {
    this.#isAsked = true;
    this.#wake.abort();
  }

  /** A visitor's connection showed it. */
  noteOrigin(isAnswering: boolean): void {
    this.#origin = isAnswering;
    if (this.#toldOrigin !== undefined && isAnswering !== this.#toldOrigin) this.#wake.abort();
  }

  /** From the first link until the signal aborts. Cannot reject. */
  async run(signal: AbortSignal): Promise<void> {
    const [least, most] = this.#pace.first;
    const random = this.#options.random ?? Math.random;
    this.#lineDueMs = performance.now() + this.#pace.lineFirst;
    await this.#pause(least + random() * (most - least), signal);
    while (!signal.aborted) {
      if (this.#isAsked) this.#wish = 'new';
      this.#isAsked = false;
      await this.#checkUp('home', signal);
      const isWished = this.#isHeard && this.#wish !== undefined;
      if (isWished || this.#isLineDue()) await this.#checkUp('line', signal);
      await this.#untilDue(signal);
    }
  }

  #isLineDue(): boolean {
    return this.#isHeard && performance.now() >= this.#lineDueMs && !this.#options.isBusy();
  }

  async #checkUp(part: CheckupPart, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { checkUp, log } = this.#options;
    this.#notBeforeMs = performance.now() + this.#pace.least;
    // What comes or goes while the rest is looked at is told with the next.
    if (part === 'home') this.#toldOrigin = this.#origin;
    try {
      const { told, reachesOrigin } = await checkUp(part, signal);
      if (part === 'home') this.#noteFound(reachesOrigin);
      this.#note(part, told);
    } catch (error) {
      this.#note(part, undefined);
      if (!signal.aborted) log.debug({ err: error, part }, 'the hub could not be told how this is');
    }
  }

  /** A visitor may have seen something else meanwhile: nobody knows who was later, so it is looked at again. */
  #noteFound(reaches: boolean | undefined): void {
    const isUnchanged = this.#origin === this.#toldOrigin;
    this.#toldOrigin = reaches;
    if (isUnchanged) this.#origin = reaches;
  }

  #note(part: CheckupPart, told: Told | undefined): void {
    const nowMs = performance.now();
    const { home, line, retry, least } = this.#pace;
    const waitMs = told?.kind === 'refused' ? told.waitMs : undefined;
    if (waitMs !== undefined) this.#notBeforeMs = nowMs + Math.max(least, waitMs);
    const isKept = told?.kind === 'kept';
    const isTooOld = told?.kind === 'refused' && told.status === 404;
    if (part === 'home' || isTooOld) this.#isHeard = isKept;
    // The hub may be updated any day: one that is too old is asked as rarely as any.
    if (part === 'home') this.#homeDueMs = nowMs + (isKept || isTooOld ? home : retry);
    // One that failed costs the line as much, and so is not tried again with each look.
    else this.#lineDueMs = nowMs + (isKept ? line : home);
    if (part === 'home' && isKept && told.lineAgeMs !== undefined)
      this.#lineDueMs = Math.max(this.#lineDueMs, nowMs + line - told.lineAgeMs);
    if (waitMs !== undefined && !isTooOld && this.#wish === 'new') {
      // Once: a hub that names a time again and again is left to the usual pace.
      this.#wish = 'put-off';
      this.#homeDueMs = nowMs;
    } else if (isTooOld || part === 'line') {
      this.#wish = undefined;
    }
  }

  /** Until there is a reason to look again; meanwhile the media server is knocked at. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    for (;;) {
      const restMs = this.#notBeforeMs - performance.now();
      if (restMs > 0) await after(restMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || this.#hasReason()) return;
      const { origin, originGone } = this.#pace;
      const isWoken = await this.#pause(this.#origin === false ? originGone : origin, signal);
      if (!isWoken && !signal.aborted) this.#origin = await this.#options.reachesOrigin();
    }
  }

  #hasReason(): boolean {
    const isOther = this.#origin !== this.#toldOrigin;
    return this.#isAsked || isOther || performance.now() >= this.#homeDueMs || this.#isLineDue();
  }

  /** True: it was cut short, because somebody wishes for something. */
  async #pause(ms: number, signal: AbortSignal): Promise<boolean> {
    const { signal: woken } = this.#wake;
    const until = AbortSignal.any([signal, woken]);
    await after(ms, undefined, { signal: until }).catch(() => undefined);
    this.#wake = new AbortController();
    return woken.aborted;
  }
}
