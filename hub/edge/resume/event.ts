// What happened to a response that broke off, as the log and the counters are told.

import type { RestRefusal } from './resumable-body.ts';

/** What broke, or what stood in the way of an attempt since. */
export type ResumeCause =
  | 'link-lost'
  | 'link-refused'
  | 'origin-closed'
  | 'origin-unreachable'
  | 'origin-timeout';

export type ResumeFailure =
  | RestRefusal
  /** Nobody was there in time. */
  | 'timeout'
  /** The origin promised the rest and sent none of it, over and over. */
  | 'no-progress'
  /** An answer that is none, or the agent's own failure. */
  | 'broken'
  | 'server-gone'
  | 'hub-draining'
  | 'visitor-left';

interface ResumeFacts {
  readonly cause: ResumeCause;
  /** Of the first byte that the visitor lacked; undefined when the response had not begun. */
  readonly offset: number | undefined;
  readonly waitMs: number;
  /** How many times it was asked for. */
  readonly attempt: number;
}

export type ResumeEvent =
  | { readonly kind: 'started' }
  /** The request was sent again: nothing of a response had reached the visitor. */
  | (ResumeFacts & { readonly kind: 'replayed' })
  | (ResumeFacts & { readonly kind: 'resumed' })
  | (ResumeFacts & { readonly kind: 'failed'; readonly reason: ResumeFailure });
