// What became of responses that broke off arrives from the edge; a count and one line of the log leave for each.

import type { Logger } from '../../shared/log.ts';
import type { ResumeEvent } from '../edge/resume/event.ts';
import type { ResumeOptions } from '../edge/resume/resume.ts';
import type { Counters } from '../telemetry/counters.ts';

interface ResumeReport {
  /** 0: nothing is resumed. */
  readonly timeoutMs: number;
  /** Aborted when the hub begins to drain. */
  readonly draining: AbortSignal;
  readonly counters: Counters;
  readonly log: Logger;
}

export function resumeOptions({
  timeoutMs,
  draining,
  counters,
  log,
}: ResumeReport): ResumeOptions | undefined {
  if (timeoutMs === 0) return undefined;
  return {
    timeoutMs,
    draining,
    onEvent: ({ id, hostname, meter }, event) => {
      count(counters, event);
      if (event.kind === 'resumed' && meter !== undefined) meter.resumes += 1;
      const { kind, ...facts } = event;
      const message = messages[kind];
      if (message !== undefined) log.info({ request: id, hostname, ...facts }, message);
    },
  };
}

const messages: Record<ResumeEvent['kind'], string | undefined> = {
  // Its end says all of it.
  started: undefined,
  replayed: 'request sent again',
  resumed: 'response resumed',
  failed: 'response not resumed',
};

function count(counters: Counters, event: ResumeEvent): void {
  switch (event.kind) {
    case 'started':
      return counters.resumesStarted.increment();
    case 'replayed':
      return counters.requestsReplayed.increment();
    case 'resumed':
      return counters.resumesSucceeded.increment();
    case 'failed':
      return counters.resumesFailed[event.reason].increment();
  }
}
