// Arguments of `npm test` arrive; the real programs that suites need are installed or loudly missed, vitest runs, and its exit code leaves.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { absentPartsVariable, describePart, missingParts, type PartName } from './support/parts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCi = process.env['CI'] === 'true';

if (missingParts().length > 0 && canInstall()) install(missingParts());
const missing = missingParts();
if (missing.length > 0) warn(missing);
process.exitCode = missing.length > 0 && isCi ? 1 : await runVitest(process.argv.slice(2), missing);

function canInstall(): boolean {
  if (process.env[absentPartsVariable] !== undefined) return false;
  const isRoot = process.getuid?.() === 0;
  return isRoot && spawnSync('apt-get', ['--version']).status === 0;
}

/** All at once, then one by one: a package that this release does not have must not cost the others. */
function install(names: readonly PartName[]): void {
  const packages = [...new Set(names.map((name) => describePart(name).debianPackage))];
  say(`installing ${packages.length} Debian packages that the suites need: ${packages.join(' ')}`);
  if (!aptGet('update') || !aptGet('install', ...packages)) {
    for (const name of missingParts()) aptGet('install', describePart(name).debianPackage);
  }
}

function aptGet(command: 'update' | 'install', ...packages: string[]): boolean {
  const options = ['-q', '-y', '-o', 'Acquire::Retries=3', '-o', 'Acquire::http::Timeout=30'];
  if (command === 'install') options.push('--no-install-recommends', '-o', 'Dpkg::Use-Pty=0');
  const run = spawnSync('apt-get', [...options, command, ...packages], {
    // Without a runlevel the packages' scripts start no services: a web server on port 80 is not what a tester asked for.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return run.status === 0;
}

function warn(names: readonly PartName[]): void {
  const packages = names.map((name) => describePart(name).debianPackage).join(' ');
  const lines = [
    isCi ? 'FAILED: parts are missing' : 'SUITES ARE LEFT OUT: parts are missing',
    ...names.map((name) => `  ${name.padEnd(11)} ${describePart(name).neededBy}`),
    `to run them: sudo apt-get install --no-install-recommends ${packages}`,
  ];
  const rule = '!'.repeat(78);
  process.stderr.write(`\n${[rule, ...lines.map((line) => `!! ${line}`), rule].join('\n')}\n\n`);
}

function runVitest(args: readonly string[], absent: readonly PartName[]): Promise<number> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', ...args], {
    cwd: root,
    env: { ...process.env, [absentPartsVariable]: absent.join(',') },
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

function say(line: string): void {
  process.stdout.write(`test: ${line}\n`);
}
