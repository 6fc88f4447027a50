// Files of shared/ arrive as mutants, one small change each; how many of them the unit tests notice leaves, and which they do not.

import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';

type Mutant = Awaited<ReturnType<Stryker['runMutationTest']>>[number];

const lowestScore = 80;
/** Bytes' first rules and the order in which they leave. All of shared/ takes longer than a check of every commit may. */
const quickFiles = [
  'shared/wire/{codes,frame,proof}.ts',
  'shared/mux/{goaway,receive-window,scheduler}.ts',
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
});

// Sockets, a hundred thousand hostile cases and twenty thousand damaged answers are for the suite itself: here each test
// runs once for each mutant it reaches.
process.env['TEST_TRANSPORTS'] = 'memory';
process.env['TEST_HOSTILE_CASES'] = '400';
process.env['HTTP_ORACLE_CASES'] = '2000';

const mutants = await run(filesToMutate());
const isGood = report(mutants);
// Stryker's workers may hold a handle a little longer than their work lasts.
process.exit(isGood ? 0 : 1);

function filesToMutate(): string[] {
  if (positionals.length > 0) return positionals;
  return values.quick === true ? quickFiles : ['shared/**/*.ts'];
}

function run(files: readonly string[]): Promise<Mutant[]> {
  return new Stryker({
    mutate: [...files, '!shared/**/*.test.ts'],
    plugins: ['@stryker-mutator/vitest-runner'],
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.ts' },
    coverageAnalysis: 'perTest',
    // A mutant in a module's top level needs a fresh process for every run: minutes for tables that tests spell out anyway.
    ignoreStatic: true,
    concurrency: 2,
    // Beside other work a slow test is easily taken for one that runs for ever, and its mutant for a noticed one.
    timeoutMS: values.quick === true ? 3_000 : 10_000,
    reporters: values.json === true ? [] : ['progress-append-only'],
    ignorePatterns: ['dist', 'reports', 'coverage', '.phlix', '.ci'],
    // Stryker rewrites tsconfig.json through TypeScript's own API, which TypeScript 7 does not have. Node needs no tsconfig.
    tsconfigFile: 'absent',
    checkers: [],
    allowConsoleColors: false,
    logLevel: 'error',
  } as ConstructorParameters<typeof Stryker>[0]).runMutationTest();
}

/** True when enough were killed. A mutant that makes a test run for ever is noticed too; one without any test is not. */
function report(mutants: readonly Mutant[]): boolean {
  const count = (...statuses: readonly Mutant['status'][]): number =>
    mutants.filter(({ status }) => statuses.includes(status)).length;
  const killed = count('Killed', 'Timeout');
  const survivors = mutants.filter(
    ({ status }) => status === 'Survived' || status === 'NoCoverage',
  );
  const score = Math.round((1000 * killed) / (killed + survivors.length)) / 10;
  for (const mutant of survivors) say(describeMutant(mutant));
  say(`${killed} killed, ${survivors.length} survived, ${count('Ignored')} left out: ${score} %`);
  const isGood = score >= lowestScore;
  if (!isGood) say(`at least ${lowestScore} % must be killed`);
  if (values.json === true) {
    say(JSON.stringify({ killed, survived: survivors.length, ignored: count('Ignored'), score }));
  }
  return isGood;
}

function describeMutant(mutant: Mutant): string {
  const { fileName, location, mutatorName, replacement, status } = mutant;
  const file = fileName.slice(fileName.indexOf('shared/'));
  const change = (replacement ?? '').replaceAll(/\s+/g, ' ').slice(0, 100);
  return `${file}:${location.start.line}:${location.start.column} ${status} ${mutatorName} ${change}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
