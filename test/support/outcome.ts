// Reports of vitest arrive, of all files and of those run once more; what the whole run came to leaves.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** What of vitest's JSON report counts here. */
export interface Report {
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  /** An absolute path. */
  readonly name: string;
  readonly status: 'passed' | 'failed';
  /** Why the file did not load, if it did not. */
  readonly message: string;
  readonly assertionResults: readonly {
    readonly fullName: string;
    readonly status: string;
    readonly failureMessages: readonly string[] | null;
  }[];
}

interface Failure {
  /** From the root of the project. */
  readonly file: string;
  /** Empty for a file that did not load. */
  readonly test: string;
  /** The first lines of each thing that went wrong. */
  readonly words: string;
}

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Also by themselves, where they were run again. */
  readonly failures: readonly Failure[];
  /** Among the other files only: by itself the same file passed. */
  readonly failedOnce: readonly Failure[];
}

/** @throws Error if there is none, or half of one */
export function readReport(file: string): Report {
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

/** From `root`, in the order of the report. */
export function failedFiles(report: Report, root: string): string[] {
  return report.testResults
    .filter(({ status }) => status === 'failed')
    .map(({ name }) => relative(root, name));
}

interface Runs {
  readonly all: Report;
  /** Of the files that failed, each of which then counts as it did here. */
  readonly again?: Report;
  /** Whether nothing went wrong outside of the files. */
  readonly isWhole: boolean;
}

export function outcomeOf(root: string, { all, again, isWhole }: Runs): Outcome {
  const known = new Set(again?.testResults.map(({ name }) => name));
  const kept = all.testResults.filter(({ name }) => !known.has(name));
  const counted = [...kept, ...(again?.testResults ?? [])];
  const failures = failuresIn(counted, root);
  if (!isWhole) failures.push({ file: 'all files', test: '', words: 'a fault outside of tests' });
  const tests = counted.flatMap(({ assertionResults }) => assertionResults);
  const countOf = (sought: string): number =>
    tests.filter(({ status }) => status === sought).length;
  const [passed, failed] = [countOf('passed'), countOf('failed')];
  const twice = new Set(failures.map(({ file }) => file));
  return {
    passed,
    failed: failures.length,
    skipped: tests.length - passed - failed,
    failures,
    failedOnce: failuresIn(all.testResults, root).filter(({ file }) => !twice.has(file)),
  };
}

/** For whoever reads only the end. */
export function outcomeLines({ failures, failedOnce }: Outcome): string[] {
  return [
    ...failedOnce.map((each) => `passed by itself only: ${sentence(each)}`),
    ...failures.map((each) => `failed: ${sentence(each)}`),
  ];
}

function failuresIn(files: readonly FileResult[], root: string): Failure[] {
  return files.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const tests = assertionResults
      .filter((each) => each.status === 'failed')
      .map(({ fullName: test, failureMessages }) => ({
        file,
        test,
        words: (failureMessages ?? []).map(firstLines).join(' | '),
      }));
    const hasNotLoaded = status === 'failed' && tests.length === 0;
    return hasNotLoaded ? [{ file, test: '', words: firstLines(message) }] : tests;
  });
}

/** Without the stack; a browser's own log of what it waited for is the third. */
function firstLines(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) && line.trim() !== '');
  return lines
    .slice(0, 4)
    .map((line) => line.trim())
    .join(' ')
    .slice(0, 600);
}

function sentence({ file, test, words }: Failure): string {
  return [file, test, words].filter((part) => part !== '').join(': ');
}
