import { expect, test } from 'vitest';

import { Backoff } from '../shared/backoff.ts';
import { CodedError } from '../shared/errors.ts';
import { recordingLogger } from '../test/support/agents-door.ts';
import { CredentialError } from './credentials.ts';
import { AgentFailure, type AgentFailureCode } from './failure.ts';
import { supervise, verdicts, type Supervision } from './supervise.ts';

function supervision(stopAfter = 100) {
  const { log, logged } = recordingLogger();
  const waits: number[] = [];
  const cuttable: boolean[] = [];
  const stop = new AbortController();
  const given: Supervision = {
    backoff: new Backoff({ random: () => 1 }),
    random: () => 0,
    signal: stop.signal,
    log,
    sleep: async ({ ms, mayBeCut }) => {
      waits.push(ms);
      cuttable.push(mayBeCut);
      if (waits.length >= stopAfter) stop.abort();
    },
    onFailure: () => undefined,
  };
  return { given, waits, cuttable, logged, stop };
}

const codes = Object.keys(verdicts) as AgentFailureCode[];

test.each(codes)('%s is retried or stops the agent, as the table says', async (code) => {
  const { given, waits } = supervision(1);
  const outcome = await supervise(() => Promise.reject(new AgentFailure(code, 'x')), given);
  const verdict = verdicts[code];
  const isStop = verdict.next === 'stop';
  const stopped = { end: 'stopped', exitCode: isStop ? verdict.exitCode : 0 };
  expect(outcome).toMatchObject(isStop ? stopped : { end: 'interrupted' });
  const waitMs = !isStop && verdict.pace === 'slow' ? 150_000 : 500;
  expect(waits).toEqual(isStop ? [] : [waitMs]);
});

test('what a person gave wrongly stops the agent; what may pass by itself never does', () => {
  const stops = codes.filter((code) => verdicts[code].next === 'stop');
  expect(stops.sort()).toEqual([
    'agent.key-rotated',
    'agent.misconfigured',
    'enrol.token-expired',
    'enrol.token-invalid',
    'enrol.token-used',
    'enrol.wrong-network',
    'hub.pin-mismatch',
    'link.revoked',
    'rotate.refused',
    'token.malformed',
    'token.missing',
  ]);
});

test('attempts go on, with growing waits, until one succeeds', async () => {
  const { given, waits } = supervision();
  let attempts = 0;
  const outcome = await supervise(async () => {
    attempts += 1;
    if (attempts < 5) throw new AgentFailure('hub.unreachable', 'x');
    return 'linked';
  }, given);
  expect(outcome).toEqual({ end: 'done', result: 'linked' });
  expect(waits).toEqual([500, 1000, 2000, 4000]);
});

test('what the hub asks for is waited for, and then as long again as nobody can foresee', async () => {
  const { given, waits, cuttable } = supervision(3);
  const asked = [90_000, 1];
  await supervise(() => {
    const retryAfterMs = asked.shift();
    return Promise.reject(new AgentFailure('enrol.rate-limited', 'x', { retryAfterMs }));
  }, given);
  expect(waits).toEqual([90_500, 1001, 2000]);
  // Good news of the network does not shorten what the hub asked for.
  expect(cuttable).toEqual([false, false, true]);
});

test('an agent whose key another one has taken over with knocks at once, then every 15 to 30 seconds', async () => {
  const { given, waits, cuttable } = supervision(4);
  const randoms = [0, 0.5, 0.999];
  await supervise(() => Promise.reject(new AgentFailure('link.replaced', 'x')), {
    ...given,
    random: () => randoms.shift() ?? 0,
  });
  expect(waits).toEqual([500, 15_000, 22_500, 29_985]);
  expect(cuttable.slice(1)).toEqual([false, false, false]);
});

test('a thousand agents that lost one hub come back one by one', async () => {
  const waits: number[] = [];
  for (let agent = 0; agent < 1000; agent += 1) {
    const { given } = supervision();
    const stop = new AbortController();
    await supervise(() => Promise.reject(new AgentFailure('link.lost', 'x')), {
      ...given,
      backoff: new Backoff(),
      signal: stop.signal,
      sleep: async ({ ms }) => {
        waits.push(ms);
        stop.abort();
      },
    });
  }
  // Full jitter from the first wait on: no tenth of the time has twice its share.
  const shares = Array.from({ length: 10 }, (_, at) =>
    waits.filter((ms) => ms >= at * 50 && ms < (at + 1) * 50),
  );
  expect(Math.max(...shares.map(({ length }) => length))).toBeLessThan(200);
  expect(Math.max(...waits)).toBeLessThan(500);
});

test('how a failure is told is for its owner to say', async () => {
  const { given, logged } = supervision(2);
  await supervise(() => Promise.reject(new AgentFailure('link.lost', 'x')), {
    ...given,
    news: () => ({ level: 'error', message: 'alone' }),
  });
  expect(logged.map(({ level, msg }) => `${level}: ${msg}`)).toEqual([
    'error: alone',
    'debug: still alone',
  ]);
});

test.each([
  ['an error', new TypeError('x is undefined')],
  ['a coded error of another layer', new CodedError('stream.reset', 'x')],
  ['no error at all', 'a string'],
])('a bug that throws %s is logged as one and tried again', async (_, thrown) => {
  const { given, logged } = supervision(3);
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- that is what is tested
  const outcome = await supervise(() => Promise.reject(thrown), given);
  expect(outcome).toEqual({ end: 'interrupted' });
  expect(logged.map(({ level }) => level)).toEqual(['error', 'error', 'error']);
  expect(logged[0]).toMatchObject({ err: { code: 'agent.internal' } });
});

test('a synchronous throw does not get past the supervisor either', async () => {
  const { given } = supervision(1);
  const outcome = await supervise(() => {
    throw new RangeError('thrown before any promise');
  }, given);
  expect(outcome).toEqual({ end: 'interrupted' });
});

test('a state folder that cannot be used stops the agent with its own sentence', async () => {
  const { given } = supervision();
  const error = new CredentialError('credentials.exposed', 'run chmod 700 /state');
  expect(await supervise(() => Promise.reject(error), given)).toMatchObject({
    end: 'stopped',
    exitCode: 78,
    failure: { code: 'agent.misconfigured', message: 'run chmod 700 /state' },
  });
});

test('a failure is news once: its repetitions are for debugging', async () => {
  const { given, logged } = supervision(4);
  const failures: AgentFailureCode[] = ['hub.timeout', 'hub.timeout', 'hub.unreachable'];
  await supervise(
    () => Promise.reject(new AgentFailure(failures.shift() ?? 'hub.unreachable', 'x')),
    given,
  );
  expect(logged.map(({ level, msg }) => `${level}: ${msg}`)).toEqual([
    'warn: not connected',
    'debug: still not connected',
    'warn: not connected',
    'debug: still not connected',
  ]);
});

test('a signal during an attempt ends it without another word', async () => {
  const { given, logged, stop } = supervision();
  const outcome = await supervise(() => {
    stop.abort();
    return Promise.reject(new AgentFailure('link.lost', 'x'));
  }, given);
  expect(outcome).toEqual({ end: 'interrupted' });
  expect(logged).toEqual([]);
});
