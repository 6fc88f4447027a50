// What breaks off between a request and the end of its response arrives; where to ask for the rest leaves as soon as somebody is there, or the end of hope.

import { Backoff } from '../../../shared/backoff.ts';
import type { BodyFraming } from '../../../shared/http/body.ts';
import type { ResponseHead } from '../../../shared/http/head.ts';
import { StreamError } from '../../../shared/mux/stream.ts';
import type { ResetReason } from '../../../shared/wire/codes.ts';
import { maxLinksPerAgent } from '../../../shared/wire/limits.ts';
import { EdgeError } from '../edge-error.ts';
import { Interruption } from './interruption.ts';
import { ResumableBody, type RestRefusal } from './resumable-body.ts';
import type { ResumeCause, ResumeEvent, ResumeFailure } from './event.ts';
import { leastLoaded, type StreamPool, type Tunnel } from '../stream-pool.ts';
import type { FieldLines, VisitorRequest } from '../visitor.ts';

export interface ResumeOptions {
  /** From a break to the next byte behind it. */
  readonly timeoutMs: number;
  readonly onEvent?: (request: VisitorRequest, event: ResumeEvent) => void;
  /** Aborted when the hub drains: a link that is not there by then will not come. */
  readonly draining?: AbortSignal;
  /** Between attempts. */
  readonly backoff?: () => Backoff;
}

/** Whose response it is, and what it may cost. */
interface ResumeSubject {
  readonly request: VisitorRequest;
  readonly tunnel: Tunnel;
  readonly options: ResumeOptions;
  /** How long a visitor may take nothing, and nothing may come for him. */
  readonly idleTimeoutMs: number;
  /** The request may be sent more than once. */
  readonly mayReplay: boolean;
  /** Whoever waits for `pool`, or for the answer to an attempt, waits in vain. `error`: what stood in the way last. */
  readonly onHopeless: (error: unknown) => void;
}

/** An origin that has promised the rest so many times and sent none of it will go on like that. */
const maxBarren = 8;

/** An agent that is killed loses its links one after the other, and a request can meet each of them. */
const maxReplays = maxLinksPerAgent;

/** The first waits are short: a home's server is back in seconds. Two seconds are little beside any longer restart. */
const spacing = { firstMs: 100, maxMs: 2000, stableMs: 1000 };

/** The second chances of one request. */
export class Resume {
  readonly #subject: ResumeSubject;
  #replaysLeft: number;
  #first: { readonly head: ResponseHead; readonly framing: BodyFraming } | undefined;
  #deliveredBytes = 0;
  #isVisitorFull = false;
  #interruption: Interruption | undefined;
  #body: ResumableBody | undefined;
  #refusal: RestRefusal | undefined;
  #backoff: Backoff | undefined;
  #resumedAtMs = -Infinity;

  constructor(subject: ResumeSubject) {
    this.#subject = subject;
    this.#replaysLeft = subject.mayReplay ? maxReplays : 0;
  }

  /** An interim head went to the visitor: the request is not sent again. */
  hinted(): void {
    this.#replaysLeft = 0;
  }

  /** The head of the response went to the visitor. */
  begun(head: ResponseHead, framing: BodyFraming): void {
    this.#replaysLeft = 0;
    this.#first = { head, framing };
  }

  /** Bytes went to the visitor. `isFull`: it takes no more until `drained`. */
  delivered(bytes: number, isFull: boolean): void {
    this.#deliveredBytes += bytes;
    this.#isVisitorFull = isFull;
    if (this.#interruption !== undefined) this.#mended('resumed', this.#interruption);
  }

  drained(): void {
    this.#isVisitorFull = false;
    this.#interruption?.noteRoom();
  }

  /** The visitor is gone. */
  stop(): void {
    this.#fail('visitor-left');
  }

  /** Whether there is another chance after this error. If so, `pool` waits for it. */
  survives(error: unknown): boolean {
    const cause = causeOf(error);
    const interruption = this.#interruption;
    if (interruption === undefined) return cause !== undefined && this.#begin(cause, error);
    interruption.error = error;
    if (cause === undefined) return this.#fail(this.#refusal ?? 'broken');
    if (interruption.isPromised && ++interruption.barren > maxBarren) {
      return this.#fail('no-progress');
    }
    interruption.isPromised = false;
    interruption.isWaiting = true;
    return true;
  }

  /** Where to ask next; undefined when it is over, and whoever had to know was told. Never rejects. */
  async pool(): Promise<StreamPool | undefined> {
    const { tunnel, idleTimeoutMs, options } = this.#subject;
    const interruption = this.#interruption;
    if (interruption === undefined) return undefined;
    // A visitor that takes nothing needs nothing: what came for it now would only lie about.
    if (this.#isVisitorFull) await interruption.room(idleTimeoutMs);
    interruption.allow(Math.min(options.timeoutMs, idleTimeoutMs));
    const delayMs = this.#delayMs(interruption);
    if (delayMs > 0) await interruption.pause(delayMs);
    while (!interruption.isOver) {
      if (tunnel.links.length > 0) {
        interruption.isWaiting = false;
        interruption.attempts += 1;
        return leastLoaded(tunnel);
      }
      if (options.draining?.aborted === true) this.#giveUp('hub-draining');
      else if (!(await this.#hasLink(interruption))) this.#giveUp('server-gone');
    }
    return undefined;
  }

  /** The fields of the next attempt. */
  requestFields(fields: FieldLines): FieldLines {
    return this.#body?.requestFields(fields) ?? fields;
  }

  /** The request is on its way again, unless that has failed already. */
  sent(): void {
    const interruption = this.#interruption;
    if (this.#first === undefined && interruption?.isWaiting === false) {
      this.#mended('replayed', interruption);
    }
  }

  /** The head of the answer to a further attempt. @throws EdgeError unless exactly the rest follows it */
  accept(head: ResponseHead, framing: BodyFraming): void {
    if (head.status >= 500) {
      // Media servers, and proxies before them, answer like that while they start.
      throw new EdgeError('origin.unreachable', `status ${head.status} in place of the rest`);
    }
    const [body, interruption] = [this.#body, this.#interruption];
    this.#refusal = body?.refusalOf(head, framing);
    if (body === undefined || interruption === undefined || this.#refusal !== undefined) {
      const why = this.#refusal ?? 'not asked for';
      throw new EdgeError('origin.bad-response', `this is not the rest of the response: ${why}`);
    }
    interruption.isPromised = true;
  }

  #begin(cause: ResumeCause, error: unknown): boolean {
    if (cause !== 'link-lost' && (cause !== 'origin-closed' || this.#first === undefined)) {
      return false;
    }
    const body = this.#rest();
    if (body === undefined && this.#replaysLeft === 0) return false;
    if (body === undefined) this.#replaysLeft -= 1;
    this.#body = body;
    const begun = { cause, offset: body?.offset, error };
    this.#interruption = new Interruption(begun, () => this.#giveUp('timeout'));
    this.#subject.options.draining?.addEventListener('abort', this.#onDraining);
    this.#tell({ kind: 'started' });
    return true;
  }

  /** Worked out when it is needed: most responses never break. */
  #rest(): ResumableBody | undefined {
    if (this.#first === undefined) return undefined;
    const { head, framing } = this.#first;
    return ResumableBody.of(this.#subject.request, head, framing, this.#deliveredBytes);
  }

  /** None after a calm second; attempts in a row keep their distance, whatever it is that fails. */
  #delayMs({ attempts }: Interruption): number {
    const isCalm = performance.now() - this.#resumedAtMs >= spacing.stableMs;
    if (attempts === 0 && isCalm) return 0;
    this.#backoff ??= this.#subject.options.backoff?.() ?? new Backoff(spacing);
    return this.#backoff.next();
  }

  /** False: the server's life has ended. */
  async #hasLink(interruption: Interruption): Promise<boolean> {
    const link = await this.#subject.tunnel.nextLink(interruption.signal);
    return link !== undefined || interruption.isOver;
  }

  #mended(kind: 'resumed' | 'replayed', interruption: Interruption): void {
    this.#end(interruption);
    this.#resumedAtMs = performance.now();
    this.#backoff?.connected();
    this.#tell({ kind, ...factsOf(interruption) });
  }

  /** A running attempt may finish: only who waits for a link has nothing to wait for any more. */
  readonly #onDraining = (): void => {
    const isWaiting = this.#interruption?.isWaiting === true;
    if (isWaiting && this.#subject.tunnel.links.length === 0) this.#giveUp('hub-draining');
  };

  #giveUp(reason: ResumeFailure): void {
    const error = this.#interruption?.error;
    if (this.#interruption === undefined) return;
    this.#fail(reason);
    this.#subject.onHopeless(error);
  }

  #fail(reason: ResumeFailure): false {
    const interruption = this.#interruption;
    if (interruption === undefined) return false;
    this.#end(interruption);
    this.#tell({ kind: 'failed', reason, ...factsOf(interruption) });
    return false;
  }

  #end(interruption: Interruption): void {
    this.#interruption = undefined;
    this.#subject.options.draining?.removeEventListener('abort', this.#onDraining);
    interruption.end();
  }

  #tell(event: ResumeEvent): void {
    this.#subject.options.onEvent?.(this.#subject.request, event);
  }
}

function factsOf({ cause, offset, waitMs, attempts }: Interruption) {
  return { cause, offset, waitMs, attempt: attempts };
}

/** Undefined for what another attempt would not mend. */
function causeOf(error: unknown): ResumeCause | undefined {
  if (error instanceof EdgeError) {
    if (error.code === 'origin.closed') return 'origin-closed';
    return error.code === 'origin.unreachable' ? 'origin-unreachable' : undefined;
  }
  if (!(error instanceof StreamError)) return undefined;
  if (error.code === 'stream.link-lost') return 'link-lost';
  if (error.code === 'stream.refused') return 'link-refused';
  return causeOfReset[error.reason ?? 'internal'];
}

const causeOfReset: Record<ResetReason, ResumeCause | undefined> = {
  refused: 'link-refused',
  'origin-unreachable': 'origin-unreachable',
  'origin-timeout': 'origin-timeout',
  'origin-closed': 'origin-closed',
  // The agent gave the stream up of its own accord: it would do so again.
  cancelled: undefined,
  // Its owner has to look at it first.
  'origin-untrusted': undefined,
  'idle-timeout': undefined,
  internal: undefined,
};
