// A question to an authority arrives that has no answer yet; it is asked again, ever more slowly, until there is one or patience ends.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Conversation } from './conversation.ts';
import { AcmeError } from './problem.ts';
import { inWords } from './refusal.ts';

export interface Patience {
  /** From "look now" to the verdict on the proofs. */
  readonly proofMs: number;
  /** From the proofs to the certificate. */
  readonly finishMs: number;
}

/**
 * Authorities look within seconds; some take a minute or two at busy times. What stays open longer is left to the next
 * attempt, which finds the same order at most authorities, rather than to a lease held for ever.
 */
export const usualPatience: Patience = { proofMs: 120_000, finishMs: 180_000 };

/** A quarter of a second, then half as long again each time, up to the other. */
const firstPauseMs = 250;
const longestPauseMs = 10_000;

const momentaryCodes = new Set<string>(['acme.unreachable', 'acme.unavailable', 'acme.nonce']);

export interface Question {
  readonly conversation: Conversation;
  readonly signal: AbortSignal;
  readonly patienceMs: number;
  /** What is waited for, for messages. */
  readonly what: string;
}

/**
 * `look` returns undefined for "not yet". A look that fails for a moment is repeated too: an order in hand is worth more
 * than a new one.
 * @throws AcmeError acme.unfinished, what `look` throws for good, or the signal's reason
 */
export async function patiently<Found>(
  { conversation, signal, patienceMs, what }: Question,
  look: () => Promise<Found | undefined>,
): Promise<Found> {
  const deadline = performance.now() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    let failure: AcmeError | undefined;
    const found = await look().catch((error: unknown) => {
      failure = momentary(error);
      return undefined;
    });
    if (found !== undefined) return found;
    const askedMs = (failure ?? conversation.lastAnswer).retryAfterMs ?? 0;
    const restMs = deadline - performance.now();
    // What it asks for and what is left do not fit: then the caller waits, who holds the lease and can drop it.
    if (restMs <= askedMs) throw failure ?? unfinished(conversation, what, askedMs);
    await pause(Math.min(Math.max(pauseMs, askedMs), restMs), signal);
  }
}

function momentary(error: unknown): AcmeError {
  if (error instanceof AcmeError && momentaryCodes.has(error.code)) return error;
  throw error;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function unfinished({ directory }: Conversation, what: string, askedMs: number): AcmeError {
  const when = askedMs > 0 ? ` and wants to be asked again in ${inWords(askedMs)}` : '';
  return new AcmeError(
    'acme.unfinished',
    `${directory.host} has not come to an end with ${what} in time${when}; the hub tries again by itself.`,
    askedMs > 0 ? { retryAfterMs: askedMs } : {},
  );
}
