import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { hasParts } from '../../test/support/parts.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { checkRelease, scripts } from './check.ts';
import { lockedPackages, neededAtRunTime } from './lockfile.ts';
import { makeRelease } from './release.ts';
import { faultsOf } from './signature.ts';

const root = join(import.meta.dirname, '../..');
const seconds = 1_795_000_000;
const folder = temporaryFolder('release').path;
const dist = join(folder, 'dist');
const out = join(folder, 'out');
const key = { secret: join(folder, 'key'), public: join(folder, 'key.pub') };

const nameOf = (one: { name: string; version: string }): string => `${one.name} ${one.version}`;

const program = (name: string, ...words: string[]) =>
  spawnSync(name, words, { cwd: out, encoding: 'utf8' });

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

describe.skipIf(!hasParts('minisign'))('a release', () => {
  beforeAll(async () => {
    write(join(dist, 'hub', 'main.js'), '#!/usr/bin/env node\n');
    write(join(dist, 'hub', 'edge', 'front.js'), 'export {};\n');
    write(join(dist, 'shared', 'log.js'), 'export {};\n');
    write(join(dist, 'agent', 'phlix-agent.mjs'), '#!/usr/bin/env node\n');
    mkdirSync(out);
    spawnSync('minisign', ['-G', '-W', '-s', key.secret, '-p', key.public]);
    await makeRelease({ root, dist, out, seconds, keyFile: key.secret });
  });

  test('is what people can verify with minisign and sha256sum alone', () => {
    const verified = program('minisign', '-V', '-p', key.public, '-m', 'SHA256SUMS');
    expect(verified).toMatchObject({ status: 0 });
    expect(verified.stdout).toMatch(/Trusted comment: phlix-hub \d+\.\d+\.\d+/);
    const summed = program('sha256sum', '--check', '--strict', 'SHA256SUMS');
    expect(summed).toMatchObject({ status: 0 });
    expect(summed.stdout.trim().split('\n')).toHaveLength(4);
  });

  test('holds the built hub with the lockfile, belonging to nobody in particular, of one time', () => {
    const listed = program(
      'sh',
      '-c',
      'tar --list --verbose --utc --file phlix-hub-*.tar.gz',
    ).stdout;
    expect(listed).toMatch(/^-rwxr-xr-x root\/root .* 2026-11-18 .*\/dist\/hub\/main\.js$/m);
    expect(listed).toMatch(/^-rw-r--r-- root\/root .*\/dist\/hub\/edge\/front\.js$/m);
    for (const name of ['package-lock.json', '.npmrc', 'LICENSE', 'THIRD-PARTY-NOTICES.txt'])
      expect(listed).toContain(`/${name}\n`);
    expect(listed).not.toContain('dist/agent');
  });

  test('names every package that runs, and nobody else, in CycloneDX and with its licence', async () => {
    const sbom = program('sh', '-c', 'cat *.cdx.json').stdout;
    const { bomFormat, components } = JSON.parse(sbom) as {
      bomFormat: string;
      components: { name: string; version: string }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    const locked = await lockedPackages(root);
    const needed = new Set(locked.filter(neededAtRunTime).map(nameOf));
    const listed = new Set(components.map(nameOf));
    expect([...needed].filter((name) => !listed.has(name))).toEqual([]);
    expect(listed.has(nameOf(locked.find(({ name }) => name === 'vitest') as never))).toBe(false);
    const notices = readFileSync(join(out, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const name of needed) expect(notices).toContain(`\n${name} (`);
    for (const words of ['OpenSSL Toolkit', 'Unicode, Inc.', 'PostgreSQL Global Development Group'])
      expect(notices).toContain(words);
  });

  test('that was changed, cut or added to is found out', async () => {
    const copy = join(folder, 'copy');
    const fresh = (): void => {
      rmSync(copy, { recursive: true, force: true });
      spawnSync('cp', ['-r', out, copy]);
    };
    const faults = async (): Promise<string[]> => faultsOf(copy, key.public);
    fresh();
    expect(await faults()).toEqual([]);
    appendFileSync(join(copy, 'THIRD-PARTY-NOTICES.txt'), ' ');
    expect(await faults()).toEqual(['THIRD-PARTY-NOTICES.txt is not what SHA256SUMS says']);
    rmSync(join(copy, 'THIRD-PARTY-NOTICES.txt'));
    expect(await faults()).toEqual(['THIRD-PARTY-NOTICES.txt is missing']);
    fresh();
    writeFileSync(join(copy, 'extra.sh'), '');
    expect(await faults()).toEqual(['extra.sh stands in no sum']);
    fresh();
    appendFileSync(join(copy, 'SHA256SUMS'), `${'0'.repeat(64)}  nothing\n`);
    expect(await faults()).toContain('SHA256SUMS is not signed with the key');
  });

  test('would be right, looked at as maintainers do before they make one', async () => {
    const looks = await checkRelease({ root, dist, seconds });
    expect(looks.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`))).toEqual(
      [],
    );
    expect(looks.map(({ name }) => name)).toContain('install scripts denied by name');
  });

  test('is looked at without minisign too, but for the signature, and that is said', async () => {
    const programs = temporaryFolder('programs').path;
    symlinkSync(process.execPath, join(programs, 'node'));
    const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
    symlinkSync(npm, join(programs, 'npm'));
    vi.stubEnv('PATH', programs);
    onTestFinished(() => void vi.unstubAllEnvs());
    const looks = await checkRelease({ root, dist, seconds });
    expect(looks.flatMap(({ faults }) => faults)).toEqual([]);
    expect(looks[0]?.name).toMatch(/unsigned/);
  });
});

test('an install script that nobody denied by name and version is found', async () => {
  const other = temporaryFolder('tree').path;
  write(join(other, '.npmrc'), 'save-exact=true\n');
  write(join(other, 'CHANGELOG.md'), '## 1.0.0\n');
  const packages = { 'node_modules/evil': { version: '1.0.1', hasInstallScript: true } };
  write(join(other, 'package-lock.json'), JSON.stringify({ packages }));
  const allowScripts = { 'evil@1.0.0': false, 'other@2.0.0': true };
  write(join(other, 'package.json'), JSON.stringify({ version: '1.0.0', allowScripts }));
  expect((await scripts(other)).faults).toEqual([
    'evil@1.0.1 has an install script that nobody denied',
    'other@2.0.0 may run its install script',
    '.npmrc does not say strict-allow-scripts=true',
  ]);
});
