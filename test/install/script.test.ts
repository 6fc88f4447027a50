// What install.sh says and refuses before it touches a machine, and what its files look like to the tools that read them.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { secretSettings } from '../settings/documented.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = join(root, 'infra/install.sh');

test.skipIf(!hasParts('shellcheck'))('shellcheck finds nothing in the scripts', () => {
  const scripts = [script, join(root, 'test/install/systemctl.sh')];
  const { status, stdout } = spawnSync(partPath('shellcheck'), scripts, { encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, '']);
});

test.each([
  [['--help'], 0, /Usage: sh infra\/install\.sh/],
  [[], 64, /Usage/],
  [['hub', '--form', 'x'], 64, /"--form" is not understood/],
  [['hub', '--set', 'HUB_SMTP_PASSWORD=x'], 64, /is a secret: put it into a file/],
  [['agent', '--set', 'PHLIX_HUB_ENROLLMENT_TOKEN=x'], 64, /is a secret/],
  [['hub', '--set', 'nonsense'], 64, /is not NAME=VALUE/],
  [['hub', 'update', '--set', 'HUB_LOG_LEVEL=debug'], 64, /--set goes with install/],
])('install.sh %j ends with %i', (words, code, said) => {
  const { status, stdout, stderr } = spawnSync('sh', [script, ...words], { encoding: 'utf8' });
  expect(status).toBe(code);
  expect(`${stdout}${stderr}`).toMatch(said);
});

test.each(secretSettings)('install.sh takes no %s on its command line', (name) => {
  const words = [script, 'hub', '--set', `${name}=x`];
  const { status, stderr } = spawnSync('sh', words, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([64, expect.stringContaining('is a secret')]);
});

test('no secret stands in what it writes', () => {
  for (const name of readdirSync(join(root, 'infra/systemd'))) {
    const text = readFileSync(join(root, 'infra/systemd', name), 'utf8');
    expect(text).not.toMatch(/^[^#]*(SECRET|PASSWORD|TOKEN|PASSPHRASE)[A-Z_]*=\S/m);
  }
});

describe.skipIf(!hasParts('systemd'))('systemd', () => {
  const folder = temporaryFolder('units').path;

  test.each(['phlix-hub', 'phlix-agent'])('understands %s.service, and rates it OK', (name) => {
    const unit = readFileSync(join(root, 'infra/systemd', `${name}.service`), 'utf8');
    const path = join(folder, `${name}.service`);
    // The program is not there on this machine.
    writeFileSync(path, unit.replaceAll(/^ExecStart=\S+/gm, 'ExecStart=/bin/true'));
    const verified = analyze('verify', path);
    expect([verified.status, verified.stderr]).toEqual([0, '']);
    const { stdout } = analyze('security', '--offline=true', path);
    const [, score = ''] = /exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
    process.stdout.write(`${name}.service: systemd-analyze security ${score}\n`);
    expect(Number(score)).toBeLessThan(2);
    expect(Number(score)).toBeGreaterThan(0);
  });
});

function analyze(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, LC_ALL: 'C' };
  return spawnSync(partPath('systemd'), words, { encoding: 'utf8', env });
}
