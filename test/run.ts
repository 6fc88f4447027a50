// Arguments of `npm test` arrive; the real programs that suites need are installed or loudly missed, vitest runs, and its exit code leaves.

import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { installMissingParts } from './support/install-parts.ts';
import { failedFiles, outcomeLines, outcomeOf, readReport } from './support/outcome.ts';
import { absentPartsVariable, missingParts, type PartName } from './support/parts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = join(root, 'reports', 'tests');
const isCi = process.env['CI'] === 'true';
/** Of more the cause is no deadline. */
const mostRunAgain = 8;

const missing = installMissingParts(missingParts());
const args = process.argv.slice(2);
/** Every case of the kinds of which one of each is enough for a check of every commit. */
const isLong = args[0] === '--long';
const wanted = isLong ? args.slice(1) : args;

if (missing.length > 0 && isCi) process.exitCode = 1;
else if (wanted.length > 0) process.exitCode = await runVitest(wanted, missing);
else process.exitCode = await runAll(missing);

/**
 * All files, then once more, by themselves, those that failed: browsers, authorities and databases share two cores, and a
 * deadline may pass for no fault of ours. A fault fails twice, and what failed once is named.
 */
async function runAll(absent: readonly PartName[]): Promise<number> {
  rmSync(reports, { recursive: true, force: true });
  const code = await runVitest(reporting('all'), absent);
  const all = readReport(join(reports, 'all.json'));
  const files = failedFiles(all, root);
  const isWorthwhile = files.length > 0 && files.length <= mostRunAgain;
  if (isWorthwhile) {
    process.stdout.write(`\nOnce more, by themselves: ${files.join(', ')}\n\n`);
    await runVitest([...reporting('again'), ...files], absent);
  }
  const again = isWorthwhile ? readReport(join(reports, 'again.json')) : undefined;
  const outcome = outcomeOf(root, { all, ...(again && { again }), isWhole: isWhole(code, files) });
  const lines = outcomeLines(outcome).map((line) => `${line}\n`);
  writeFileSync(join(reports, 'outcome.json'), JSON.stringify(outcome));
  writeFileSync(join(reports, 'outcome.txt'), lines.join(''));
  process.stdout.write(lines.join(''));
  return outcome.failed === 0 ? 0 : 1;
}

/** False after a fault outside of every test, such as an unhandled rejection: vitest fails, and no file does. */
function isWhole(code: number, failed: readonly string[]): boolean {
  return code === 0 || failed.length > 0;
}

function reporting(name: string): string[] {
  const file = join(reports, `${name}.json`);
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
}

function runVitest(args: readonly string[], absent: readonly PartName[]): Promise<number> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', ...args], {
    cwd: root,
    env: {
      ...process.env,
      // Hubs, agents and commands are started a thousand times: half of a start is Node reading the same sources again.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled'),
      [absentPartsVariable]: absent.join(','),
      ...(isLong && { TEST_LONG: '1' }),
    },
    stdio: 'inherit',
  });
  // A terminal sends Ctrl-C to vitest as well; a supervisor signals only us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}
