import { describe, expect, test } from 'vitest';

import { failedFiles, outcomeLines, outcomeOf, type Report } from './outcome.ts';

const root = '/clone';
const log = 'Error: locator.click: too late\n    at look.ts:3\nCall log:\n  - waiting for a button';

function file(name: string, tests: Record<string, string>, message = ''): Report['testResults'][0] {
  const statuses = Object.values(tests);
  const isBad = statuses.includes('failed') || message !== '';
  return {
    name: `${root}/${name}`,
    status: isBad ? 'failed' : 'passed',
    message,
    assertionResults: Object.entries(tests).map(([fullName, status]) => ({
      fullName,
      status,
      failureMessages: status === 'failed' ? [log] : null,
    })),
  };
}

const all: Report = {
  testResults: [
    file('a.test.ts', { one: 'passed', two: 'pending' }),
    file('b.test.ts', { one: 'failed', two: 'failed' }),
    file('c.test.ts', {}, 'Cannot find module'),
  ],
};

describe('what a run of the tests came to', () => {
  test('files that failed are those to run once more', () => {
    expect(failedFiles(all, root)).toEqual(['b.test.ts', 'c.test.ts']);
  });

  test('without a second run each failed test counts, and a file that did not load', () => {
    const outcome = outcomeOf(root, { all, isWhole: true });
    expect(outcome).toMatchObject({ passed: 1, failed: 3, skipped: 1, failedOnce: [] });
  });

  test('a file that passed by itself counts as it did there, and is named', () => {
    const again = {
      testResults: [
        file('b.test.ts', { one: 'passed', two: 'passed' }),
        file('c.test.ts', {}, 'Cannot find module'),
      ],
    };
    const outcome = outcomeOf(root, { all, again, isWhole: true });
    expect(outcome).toMatchObject({ passed: 3, failed: 1, skipped: 1 });
    expect(outcomeLines(outcome)).toEqual([
      'passed by itself only: b.test.ts: one: Error: locator.click: too late Call log: - waiting for a button',
      'passed by itself only: b.test.ts: two: Error: locator.click: too late Call log: - waiting for a button',
      'failed: c.test.ts: Cannot find module',
    ]);
  });

  test('a fault outside of every test is one failure', () => {
    const outcome = outcomeOf(root, { all: { testResults: [] }, isWhole: false });
    expect(outcomeLines(outcome)).toEqual(['failed: all files: a fault outside of tests']);
  });
});
