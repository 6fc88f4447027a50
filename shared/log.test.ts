import { expect, test } from 'vitest';

import { CodedError } from './errors.ts';
import { createLogger, type LogLevel } from './log.ts';

function capture(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger(
    { level, name: 'phlix-test' },
    { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  return { log, lines };
}

test('a line is JSON with its level in words, its time in RFC 3339 and its facts as fields', () => {
  const { log, lines } = capture();
  log.child({ link: 7 }).info({ hub: 'hub.example' }, 'connected');
  expect(lines[0]).toMatchObject({
    level: 'info',
    name: 'phlix-test',
    link: 7,
    hub: 'hub.example',
    msg: 'connected',
  });
  expect(lines[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test('secrets are cut out at the top and two levels down', () => {
  const { log, lines } = capture();
  log.info(
    { token: 'phe_x', request: { authorization: 'Bearer x', headers: { cookie: 'a=b' } } },
    'arrived',
  );
  expect(JSON.stringify(lines)).not.toMatch(/phe_x|Bearer|a=b/);
  expect(lines[0]).toMatchObject({ token: '[secret]' });
});

test('an expected failure shows its code and its causes without a stack, a bug shows the stack', () => {
  const { log, lines } = capture();
  log.warn(
    { err: new CodedError('hub.refused', 'nothing answers', { cause: new Error('ECONNREFUSED') }) },
    'failed',
  );
  log.error({ err: new TypeError('x is undefined') }, 'bug');
  expect(lines[0]?.['err']).toMatchObject({ code: 'hub.refused', message: 'nothing answers' });
  expect(lines[0]?.['err']).not.toHaveProperty('stack');
  expect(lines[1]?.['err']).toHaveProperty('stack');
});

test('causes are shown to the first of them, and what was thrown without being an error as it is', () => {
  const { log, lines } = capture();
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', cause: 'no route' });
  log.warn({ err: new CodedError('hub.refused', 'nothing answers', { cause: refused }) }, 'failed');
  log.warn({ err: 'a text' }, 'thrown');
  expect(lines.map(({ err }) => err)).toEqual([
    {
      code: 'hub.refused',
      message: 'nothing answers',
      cause: { code: 'ECONNREFUSED', message: 'connect', cause: 'no route' },
    },
    'a text',
  ]);
});

test('a bug behind an expected failure shows its stack too', () => {
  const { log, lines } = capture();
  const bug = new TypeError('x is undefined');
  log.warn({ err: new CodedError('hub.refused', 'nothing answers', { cause: bug }) }, 'failed');
  expect(lines[0]?.['err']).toEqual({
    code: 'hub.refused',
    message: 'nothing answers',
    cause: { message: 'x is undefined', stack: bug.stack },
  });
});

test('what a failed query was asked with is told neither in its message nor in its stack', () => {
  const { log, lines } = capture();
  const cause = Object.assign(new Error('terminated'), { code: '57P01' });
  const asked = 'robin\n    at home,$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA\nparams: again';
  const failed = new Error(`Failed query: update "accounts" set $1\nparams: ${asked}`, { cause });
  log.error({ err: failed }, 'request failed');
  expect(JSON.stringify(lines)).not.toMatch(/robin|at home|argon2id|again/);
  expect(lines[0]?.['err']).toMatchObject({
    message: 'Failed query: update "accounts" set $1 [parameters left out]',
    cause: { code: '57P01' },
    stack: expect.stringMatching(/log\.test\.ts/),
  });
});

test('lines below the level are not written', () => {
  const { log, lines } = capture('warn');
  log.info('quiet');
  expect(lines).toEqual([]);
});
