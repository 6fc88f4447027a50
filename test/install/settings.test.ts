// What people write into the file of settings arrives; what a command is given of it is what systemd gives the service.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { temporaryFolder } from '../support/temporary-folder.ts';

const reader = fileURLToPath(new URL('../../infra/systemd/settings.awk', import.meta.url));

/** What systemd 252 makes of each, asked of its own reader of such files. */
test.each([
  ['HUB_A=x', 'x'],
  ['  HUB_A = local \t\nHUB_B=1\n', 'local'],
  ['HUB_A=one\r\n', 'one'],
  ['HUB_A=one\nHUB_A=two', 'two'],
  ['HUB_A=', ''],
  ['HUB_A=a#b ;c  d\n', 'a#b ;c  d'],
  ['HUB_A="a b" ', 'a b'],
  [`HUB_A='it'"'s" ok`, "it'sok"],
  ['HUB_A=a"b"', 'a"b"'],
  [String.raw`HUB_A="a\nb\"c\$d\\"`, String.raw`a\nb"c$d` + '\\'],
  [String.raw`HUB_A='a\nb'`, String.raw`a\nb`],
  [String.raw`HUB_A=a\ \'b\\c`, String.raw`a 'b\c`],
  ['HUB_A=a,\\\n  b\n', 'a,  b'],
  ['HUB_A="a\nb"\n', 'a\nb'],
  ['HUB_A="$(id)`id`$HOME"', '$(id)`id`$HOME'],
  ['#HUB_A=x\n ; HUB_A=y\n', undefined],
  ['export HUB_A=x\n', undefined],
])('a command takes %j as the service does', (text, expected) => {
  const file = join(temporaryFolder('settings').path, 'hub.env');
  writeFileSync(file, text);
  const evaluated = `eval "$(awk -f '${reader}' "$1")"; printf '%s' "\${HUB_A-unset}"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', evaluated, 'sh', file], { encoding: 'utf8' });
  expect([stdout, stderr]).toEqual([expected ?? 'unset', '']);
});
