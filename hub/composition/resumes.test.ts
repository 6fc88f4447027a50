import { describe, expect, test } from 'vitest';
import { createLogger } from '../../shared/log.ts';
import { visitorRequest } from '../../test/support/exchanges.ts';
import type { ResumeEvent } from '../edge/resume/event.ts';
import { resumeOptions } from './resumes.ts';
import { Counters } from '../telemetry/counters.ts';
import { Ledger } from '../usage/ledger.ts';

interface Told {
  readonly counters: Counters;
  readonly lines: string[];
}

function told(...events: ResumeEvent[]): Told {
  const lines: string[] = [];
  const counters = new Counters();
  const log = createLogger({ level: 'info', name: 'hub' }, { write: (line) => lines.push(line) });
  const options = resumeOptions({
    timeoutMs: 1000,
    draining: new AbortController().signal,
    counters,
    log,
  });
  for (const event of events) options?.onEvent?.(visitorRequest(), event);
  return { counters, lines };
}

const facts = { cause: 'link-lost', offset: 4, waitMs: 7, attempt: 2 } as const;

describe('what became of a response', () => {
  test.each<[ResumeEvent, string, object]>([
    [{ kind: 'resumed', ...facts }, 'response resumed', { resumesSucceeded: 1 }],
    [{ kind: 'replayed', ...facts }, 'request sent again', { requestsReplayed: 1 }],
    [
      { kind: 'failed', reason: 'range', ...facts },
      'response not resumed',
      { resumesFailed: expect.objectContaining({ range: 1, timeout: 0 }) },
    ],
  ])('$kind is one line with its facts, and one count', (event, msg, counted) => {
    const { counters, lines } = told({ kind: 'started' }, event);
    expect(lines).toHaveLength(1);
    const { id: request, hostname } = visitorRequest();
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg, request, hostname, ...facts });
    expect(counters.counted).toMatchObject({ resumesStarted: 1, ...counted });
  });

  test('says nothing of what was asked for', () => {
    expect(told({ kind: 'resumed', ...facts }).lines.join('')).not.toContain('film.mp4');
  });
});

test('each resumption is counted for the record of its exchange, and nothing else is', () => {
  const counters = new Counters();
  const meter = new Ledger().open(visitorRequest(), { serverId: 'server', ownerId: undefined });
  const options = resumeOptions({
    timeoutMs: 1000,
    draining: new AbortController().signal,
    counters,
    log: createLogger({ level: 'silent', name: 'hub' }),
  });
  const events: ResumeEvent[] = [
    { kind: 'started' },
    { kind: 'resumed', ...facts },
    { kind: 'resumed', ...facts },
    { kind: 'replayed', ...facts },
  ];
  for (const event of events) options?.onEvent?.({ ...visitorRequest(), meter }, event);
  let resumes = 0;
  meter.onClosed = (record) => (resumes = record.resumes);
  meter.close();
  expect(resumes).toBe(2);
});

test('a time of nothing resumes nothing', () => {
  const counters = new Counters();
  const log = createLogger({ level: 'silent', name: 'hub' });
  const draining = new AbortController().signal;
  expect(resumeOptions({ timeoutMs: 0, draining, counters, log })).toBeUndefined();
});
