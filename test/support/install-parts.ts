// Names of absent parts arrive; Debian brings what it can when root asks for it, and what is still missing leaves, loudly.

import { spawnSync } from 'node:child_process';

import { absentPartsVariable, describePart, missingParts, type PartName } from './parts.ts';

export function installMissingParts(names: readonly PartName[]): PartName[] {
  if (names.length > 0 && canInstall()) install(names);
  const missing = missingParts().filter((name) => names.includes(name));
  if (missing.length > 0) warn(missing);
  return missing;
}

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
    for (const name of missingParts().filter((name) => names.includes(name)))
      aptGet('install', describePart(name).debianPackage);
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
  const isCi = process.env['CI'] === 'true';
  const lines = [
    isCi ? 'FAILED: parts are missing' : 'SUITES ARE LEFT OUT: parts are missing',
    ...names.map((name) => `  ${name.padEnd(11)} ${describePart(name).neededBy}`),
    `to run them: sudo apt-get install --no-install-recommends ${packages}`,
  ];
  const rule = '!'.repeat(78);
  process.stderr.write(`\n${[rule, ...lines.map((line) => `!! ${line}`), rule].join('\n')}\n\n`);
}

function say(line: string): void {
  process.stdout.write(`test: ${line}\n`);
}
