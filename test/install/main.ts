// `npm run install-check`: install.sh leads a real hub and a real agent through their life on a Debian of their own; what took how long, and what was wrong, leaves.

import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { partPath } from '../support/parts.ts';
import { Machine, type Ran } from './machine.ts';

const { values } = parseArgs({
  options: {
    /** On a copy of this machine in place of a Debian that is fetched. */
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** A built checkout. */
    from: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) },
    /** A folder with a Debian, such as debootstrap makes. */
    base: { type: 'string' },
  },
});

const steps: { readonly step: string; readonly seconds: number; readonly problem?: string }[] = [];
const source = values.from.replace(/\/$/, '');
const name = 'movies';

if (process.getuid?.() !== 0) {
  say('machines are made here by mounts, which only root may make: run it as root');
  process.exit(77);
}
build();
const machine = await Machine.start({
  lower: values.base ?? (values.quick ? '/' : base()),
  folders: [...new Set([source, nodeModules(source)])],
  runsSystemd: true,
});
try {
  await life();
} finally {
  await machine.stop();
}
const problems = steps.filter(({ problem }) => problem !== undefined);
say(`${steps.length} steps, ${problems.length} problems`);
if (values.json)
  process.stdout.write(
    `${JSON.stringify({ quick: values.quick, steps, problems: problems.length })}\n`,
  );
process.exit(problems.length === 0 ? 0 : 1);

/** In this order: each step stands on the one before. */
async function life(): Promise<void> {
  const hub = ['HUB_PUBLIC_URL=https://hub.localhost', 'HUB_TENANT_DOMAIN=phlix.localhost'];
  const set = hub.flatMap((setting) => ['--set', setting]);
  await step(
    'hub: install, start, ready',
    () => install(source, 'hub', ...set),
    /runs and is ready/,
  );
  await step(
    'hub: is its own user, and its folder is closed',
    () => sh('stat -c "%U %a" /var/lib/phlix-hub && ps -o user= -p "$(cat /run/phlix-hub.pid)"'),
    /^phlix-hub 700\nphlix-hub\n$/,
  );
  await step(
    'hub: listens where the units say',
    () => sh('ss -ltnH | sed "s/ \\+/ /g" | cut -d" " -f4 | sort'),
    /:443\n[^]*:80\n[^]*:8802\n/,
  );
  await step(
    'hub: the setup link is in its log',
    () => sh('grep -o "/setup#" /var/log/phlix-hub.out'),
    /setup#/,
  );
  await step(
    'agent: install, token as a file, connected',
    async () => {
      await install(source, 'agent', '--no-start', '--set', 'PHLIX_HUB_URL=https://hub.localhost');
      await sh(
        `phlix-hub enrol-token create --label ${name} | sed -n "s/^PHLIX_HUB_ENROLLMENT_TOKEN=//p" > /etc/phlix-agent/secrets/PHLIX_HUB_ENROLLMENT_TOKEN`,
      );
      return install(source, 'agent');
    },
    /runs and is ready/,
  );
  await step(
    'hub: knows the server',
    () => sh('phlix-hub servers list --json'),
    /"label":"movies"/,
  );
  await step(
    'both: install again, and nothing stops for it',
    async () => both(await install(source, 'hub'), await install(source, 'agent')),
    /installed already[^]*Left running[^]*installed already[^]*Left running/,
  );
  await step(
    'hub: install again after a new secret, which it is restarted for',
    async () => {
      await sh(
        'echo a-passphrase-that-is-long-enough-for-a-test > /etc/phlix-hub/secrets/HUB_BACKUP_PASSPHRASE',
      );
      return install(source, 'hub');
    },
    /Restarted for [^]*: secrets\.\nIt runs and is ready/,
  );
  const next = await version('9.9.9');
  await step(
    'hub: update, with a backup first',
    () => install(next, 'hub', 'update'),
    /9\.9\.9 runs and is ready/,
  );
  await step(
    'hub: a backup was made',
    () => sh('ls /var/lib/phlix-hub/backups && stat -c %a /var/lib/phlix-hub/backups/*'),
    /600/,
  );
  await step(
    'agent: update, connected again',
    () => install(next, 'agent', 'update'),
    /9\.9\.9 runs and is ready/,
  );
  await goingBack();
  await step(
    'both: uninstall keeps data',
    async () => {
      await install(next, 'agent', 'uninstall');
      await install(next, 'hub', 'uninstall');
      return sh('ls -d /opt/phlix-* /etc/phlix-* /var/lib/phlix-* 2>/dev/null; true');
    },
    /^\/etc\/phlix-agent\n\/etc\/phlix-hub\n\/var\/lib\/phlix-agent\n\/var\/lib\/phlix-hub\n$/,
  );
  await step(
    'both: come back with their data',
    async () => {
      const again = both(await install(source, 'hub'), await install(source, 'agent'));
      return both(again, await sh('phlix-hub servers list --json'));
    },
    /ready[^]*ready[^]*"label":"movies"/,
  );
  await step(
    'both: purge takes all',
    async () => {
      await install(source, 'agent', 'uninstall', '--purge');
      await install(source, 'hub', 'uninstall', '--purge');
      return sh(
        'ls -d /opt/phlix-* /etc/phlix-* /var/lib/phlix-* 2>/dev/null; id phlix-hub 2>&1; true',
      );
    },
    /^id: .*no such user/,
  );
}

/** A version that changes the tables, and lets nobody in afterwards. */
async function goingBack(): Promise<void> {
  const migrations = 'dist/hub/db/migrations';
  const broken = await version(
    '9.9.10',
    `cd /tmp/9.9.10 && echo 'CREATE TABLE of_the_future (id integer);' > ${migrations}/9999_future.sql
    sed -i 's/^  \\]/  , { "idx": 9999, "version": "7", "when": 4102444800000, "tag": "9999_future", "breakpoints": true }\\n  ]/' ${migrations}/meta/_journal.json
    sed -i 's/isReady ? 200 : 503/503/' dist/hub/composition/readiness.js
    grep -q 'status: 503' dist/hub/composition/readiness.js && grep -q 9999 ${migrations}/meta/_journal.json`,
  );
  await step(
    'hub: update to one that changes the tables and does not get ready: the former runs again',
    () =>
      sh(
        `PHLIX_INSTALL_PATIENCE=20 sh ${broken}/infra/install.sh hub update 2>&1; code=$?; echo "ended with $code"`,
      ),
    /The database is as [^]*the former one runs again[^]*ended with 75/,
  );
  await step(
    'hub: the former has its tables and servers, and the snapshot is kept',
    () =>
      sh(
        'readlink /opt/phlix-hub/current; phlix-hub servers list --json; ls /var/lib/phlix-hub/snapshots',
      ),
    /^releases\/9\.9\.9-[^]*"label":"movies"[^]*-migration\.tar\.age[^]*-rollback\.tar\.age/,
  );
  await step(
    'agent: is connected again',
    () =>
      sh(
        'left=60; until phlix-agent status; do left=$((left - 1)); [ $left -gt 0 ] || exit 1; sleep 1; done',
      ),
    /state +connected/,
  );
}

async function step(title: string, work: () => Promise<Ran>, expected: RegExp): Promise<void> {
  const beganAt = performance.now();
  const { code, output } = await work();
  const seconds = Math.round((performance.now() - beganAt) / 100) / 10;
  const isGood = code === 0 && expected.test(output);
  const problem = isGood ? undefined : `exit code ${code}: ${output.slice(-2000)}`;
  steps.push({ step: title, seconds, ...(problem !== undefined && { problem }) });
  say(
    `${isGood ? 'ok' : 'PROBLEM'} ${seconds} s ${title}${problem === undefined ? '' : `\n${problem}`}`,
  );
}

async function install(from: string, ...words: string[]): Promise<Ran> {
  return machine.run(['sh', `${from}/infra/install.sh`, ...words]);
}

async function sh(script: string): Promise<Ran> {
  return machine.sh(script);
}

function both(one: Ran, two: Ran): Ran {
  return { code: one.code === 0 ? two.code : one.code, output: one.output + two.output };
}

/** The same sources under another number, in the machine alone, with what a script changes in them. */
async function version(number: string, script = 'true'): Promise<string> {
  const at = `/tmp/${number}`;
  const made = await sh(
    `set -e; mkdir ${at} ${at}.up ${at}.work
    mount -t overlay overlay -o lowerdir=${source},upperdir=${at}.up,workdir=${at}.work ${at}
    sed -i 's/^  "version": .*/  "version": "${number}",/' ${at}/package.json
    ${script}`,
  );
  if (made.code !== 0) throw new Error(`${number} could not be made: ${made.output}`);
  return at;
}

function build(): void {
  const isBuilt = ['dist/hub/main.js', 'dist/agent/phlix-agent.mjs'].every((file) =>
    existsSync(join(source, file)),
  );
  if (isBuilt) return;
  say('npm run build');
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: source, stdio: 'inherit' });
}

/** Minutes once, nothing afterwards. */
function base(): string {
  const folder = fileURLToPath(new URL('../../reports/install/bookworm', import.meta.url));
  if (existsSync(folder)) return folder;
  say('debootstrap, which takes minutes once');
  const draft = `${folder}.${process.pid}`;
  try {
    const words = ['--variant=minbase', '--include=iproute2,procps', 'bookworm', draft];
    execFileSync(partPath('debootstrap'), [...words, 'http://deb.debian.org/debian'], {
      stdio: 'pipe',
    });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

/** Where it really is, if it is a link. */
function nodeModules(folder: string): string {
  return realpathSync(join(folder, 'node_modules'));
}

function say(line: string): void {
  process.stdout.write(`install-check: ${line}\n`);
}
