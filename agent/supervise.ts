// Attempts arrive that end one after the other; what to do next leaves: try again, soon or slowly, or stop with an exit code.

import type { Backoff } from '../shared/backoff.ts';
import type { Logger } from '../shared/log.ts';
import { asFailure, type AgentFailure, type AgentFailureCode } from './failure.ts';

/** sysexits.h: what a service manager may act on (RestartPreventExitStatus). */
export const exitCode = {
  usage: 64,
  unavailable: 69,
  software: 70,
  temporary: 75,
  noPermission: 77,
  config: 78,
} as const;

export type Verdict =
  | { readonly next: 'retry'; readonly pace: Pace | 'soon, then standby' }
  | { readonly next: 'stop'; readonly exitCode: number };

type Pace = 'soon' | 'slow' | 'standby';
type Retry = Extract<Verdict, { next: 'retry' }>;

const soon: Verdict = { next: 'retry', pace: 'soon' };
/** For what only a person can mend, at either end: the agent stays, so that mending it is enough. */
const slow: Verdict = { next: 'retry', pace: 'slow' };

/**
 * Knocking once more tells the hub that two agents run with one key, and it tells their owner. From then on a try costs the
 * other agent nothing (rule P14), and this one serves as soon as that one is gone.
 */
const soonThenStandby: Verdict = { next: 'retry', pace: 'soon, then standby' };

const badConfig: Verdict = { next: 'stop', exitCode: exitCode.config };
const refused: Verdict = { next: 'stop', exitCode: exitCode.noPermission };

/** The one table from a failure to retry or stop. */
export const verdicts: Readonly<Record<AgentFailureCode, Verdict>> = {
  'hub.unresolved': soon,
  'hub.unreachable': soon,
  'hub.timeout': soon,
  'hub.certificate': soon,
  'hub.unexpected': soon,
  'hub.pin-mismatch': badConfig,
  'tunnel.unbound': slow,
  'proxy.unreachable': soon,
  'proxy.unauthorised': slow,
  'proxy.refused': slow,
  'token.missing': badConfig,
  'token.malformed': badConfig,
  'enrol.token-invalid': refused,
  'enrol.token-used': refused,
  'enrol.token-expired': refused,
  'enrol.wrong-network': refused,
  'enrol.proof': slow,
  'enrol.no-name': slow,
  'enrol.rate-limited': soon,
  'link.lost': soon,
  'link.silent': soon,
  'link.draining': soon,
  'link.replaced': soonThenStandby,
  'link.revoked': refused,
  'link.suspended': slow,
  'link.unauthorised': slow,
  'link.version': slow,
  'link.overloaded': soon,
  'link.protocol': slow,
  'rotate.refused': refused,
  'agent.key-rotated': refused,
  'agent.misconfigured': badConfig,
  'agent.internal': soon,
};

/** A word from another process of this program. */
export function isAgentFailureCode(text: string): text is AgentFailureCode {
  return Object.hasOwn(verdicts, text);
}

/** Of a command that failed so: what is retried by an agent that runs is `unavailable` to whoever asked once. */
export function exitCodeOf(code: AgentFailureCode): number {
  const verdict = verdicts[code];
  return verdict.next === 'stop' ? verdict.exitCode : exitCode.unavailable;
}

export interface News {
  readonly level: 'debug' | 'warn' | 'error';
  readonly message: string;
}

export interface Wait {
  readonly ms: number;
  /** Good news may end it: nobody asked for it, and nobody has to mend anything first. */
  readonly mayBeCut: boolean;
}

export interface Supervision {
  readonly backoff: Backoff;
  /** Resolves after the time, or at once when the signal aborts. Never rejects. */
  readonly sleep: (wait: Wait, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
  /** Shortest wait between two tries of an agent that stands by; the longest is twice as long. */
  readonly standbyMs?: number | undefined;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** How the failure is told; as a warning that the agent is not connected if left out. */
  readonly news?: (failure: AgentFailure) => News;
  /** What `status` shows as the last failure. */
  readonly onFailure: (failure: AgentFailure, retryInMs: number | undefined) => void;
}

export type Outcome<Result> =
  | { readonly end: 'done'; readonly result: Result }
  | { readonly end: 'stopped'; readonly failure: AgentFailure; readonly exitCode: number }
  | { readonly end: 'interrupted' };

/** Runs attempts until one returns, one fails for good, or the signal aborts. Cannot throw. */
export async function supervise<Result>(
  attempt: () => Promise<Result>,
  supervision: Supervision,
): Promise<Outcome<Result>> {
  const { sleep, signal, onFailure } = supervision;
  let former: AgentFailureCode | undefined;
  while (!signal.aborted) {
    const ended = await settled(attempt);
    if ('result' in ended) return { end: 'done', result: ended.result };
    const { failure } = ended;
    if (signal.aborted) break;
    const verdict = verdicts[failure.code];
    if (verdict.next === 'stop') {
      onFailure(failure, undefined);
      return { end: 'stopped', failure, exitCode: verdict.exitCode };
    }
    const pace = paceOf(verdict.pace, failure.code === former);
    const wait = waitAfter(failure, pace, supervision);
    onFailure(failure, wait.ms);
    report(supervision, failure, wait.ms, failure.code === former);
    former = failure.code;
    await sleep(wait, signal);
  }
  return { end: 'interrupted' };
}

async function settled<Result>(
  attempt: () => Promise<Result>,
): Promise<{ result: Result } | { failure: AgentFailure }> {
  try {
    return { result: await attempt() };
  } catch (error) {
    return { failure: asFailure(error) };
  }
}

function paceOf(pace: Retry['pace'], isRepeated: boolean): Pace {
  if (pace === 'soon, then standby') return isRepeated ? 'standby' : 'soon';
  return pace;
}

/** What the hub asks for is counted from its end on: everybody it turned away was told the same. */
function waitAfter(
  failure: AgentFailure,
  pace: Pace,
  { backoff, random, standbyMs = usualStandbyMs }: Supervision,
): Wait {
  const { retryAfterMs } = failure;
  if (pace === 'standby') return { ms: standbyMs * (1 + random()), mayBeCut: false };
  if (pace === 'slow')
    return { ms: Math.max(slowWaitMs(random), retryAfterMs ?? 0), mayBeCut: false };
  return { ms: (retryAfterMs ?? 0) + backoff.next(), mayBeCut: retryAfterMs === undefined };
}

/** To half a minute: no visitor is without a server for longer once the other agent has gone. */
const usualStandbyMs = 15_000;

/** Two and a half to five minutes: a hub restored from a backup is found again before anybody gives up on it. */
function slowWaitMs(random: () => number): number {
  return 150_000 * (1 + random());
}

/** The first time it is news, with its remedy; an outage of hours is not told twice a minute above debug. */
function report(
  { log, news }: Supervision,
  failure: AgentFailure,
  waitMs: number,
  isRepeated: boolean,
): void {
  const facts = { err: failure, retryInMs: Math.round(waitMs) };
  const { level, message } = news?.(failure) ?? usualNews;
  if (failure.code === 'agent.internal') log.error(facts, message);
  else if (isRepeated) log.debug(facts, `still ${message}`);
  else log[level](facts, message);
}

const usualNews: News = { level: 'warn', message: 'not connected' };
