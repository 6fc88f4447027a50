// A certificate authority arrives; a headless Chromium leaves whose own home trusts it, and which asks nobody but the pages it opens.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Browser, chromium } from 'playwright-core';

import { partPath } from './parts.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Nothing of Chromium's own may reach for the network, and a container has neither GPU nor user namespaces. */
const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `wrap` puts it elsewhere, as `Namespace.inside` does. */
export async function openTrustingBrowser(
  caFile: string,
  wrap: (command: [string, ...string[]]) => readonly string[] = (command) => command,
): Promise<Browser> {
  const home = temporaryFolder('browser').path;
  const store = join(home, '.pki', 'nssdb');
  mkdirSync(store, { recursive: true });
  certutil('-d', `sql:${store}`, '-N', '--empty-password');
  certutil('-d', `sql:${store}`, '-A', '-n', 'local authority', '-t', 'C,,', '-i', caFile);
  return chromium.launch({
    executablePath: launcher(home, wrap([partPath('chromium')])),
    args: quiet,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  });
}

/** Playwright starts one file: this one, which becomes the wrapped command. */
function launcher(home: string, command: readonly string[]): string {
  const file = join(home, 'chromium');
  const words = command.map((word) => `'${word}'`).join(' ');
  writeFileSync(file, `#!/bin/sh\nexec ${words} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

function certutil(...args: string[]): void {
  const { status, stderr } = spawnSync(partPath('certutil'), args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`certutil ${args.join(' ')}: ${stderr}`);
}
