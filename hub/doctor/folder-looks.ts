// The data folder arrives; whether it is closed to others, has room, and was backed up lately leaves (security rows E-09, E-17).

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { diskVerdict } from '../../shared/doctor/disk.ts';
import { failure, ok, unknown, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { lastBackup, lastGoodBackup } from '../backup/backup-state.ts';
import type { Premises } from './premises.ts';

const mebibyte = 1024 * 1024;

export const folderLooks = {
  'config.permissions': lookAtPermissions,
  'config.data-folder': lookAtFolder,
  'config.secrets': lookAtSecrets,
  'disk.space': async ({ config, machine }) =>
    (await isThere(config.dataDir))
      ? diskVerdict(config.dataDir, {
          // A dump of the database beside it, and an evening's log.
          warnBytes: 1024 * mebibyte,
          // PostgreSQL alone wants 16 MiB for each piece of its log, and stops without.
          failBytes: 128 * mebibyte,
          otherwise: 'when it is full the database stops, and nothing is written down any more',
          look: machine.disk,
        })
      : undefined,
  'backup.age': lookAtBackup,
} satisfies Looks<Premises>;

async function isThere(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

/** Own secrets, readable by others of this machine, are nobody's secrets. */
async function lookAtPermissions({ config: { dataDir, tls } }: Premises): Promise<Verdict> {
  if (!(await isThere(dataDir)))
    return unknown(
      `There is no folder ${dataDir} yet.`,
      'The hub makes it at its first start; if it should be there, check HUB_DATA_DIR.',
    );
  const keys = tls.kind === 'files' ? tls.pairs.map(({ keyPath }) => keyPath) : [];
  const files = await Promise.all([...(await secretsIn(dataDir)), ...keys].map(modeOf));
  const open = files.filter(({ mode }) => (mode & 0o077) !== 0).map(({ path }) => path);
  if (open.length === 0) return ok('Secrets on the disk are closed to other users.');
  return failure(
    `Other users of this machine can read ${open.join(', ')}.`,
    `Run chmod 600 ${open.join(' ')}, and replace what they hold if somebody may have looked.`,
  );
}

/** Who may write there may replace every file in it; who may list it sees what there is. */
async function lookAtFolder({ config: { dataDir } }: Premises): Promise<Verdict | undefined> {
  if (!(await isThere(dataDir))) return undefined;
  const { mode } = await modeOf(dataDir);
  // To pass (x) is what the user of the database needs where the hub is root.
  const remedy = `Run chmod 700 ${dataDir}, or where the hub runs as root chmod 711.`;
  if ((mode & 0o022) !== 0)
    return failure(`Other users of this machine can write into ${dataDir}.`, remedy);
  return (mode & 0o044) === 0
    ? ok(`${dataDir} is closed to other users.`)
    : warning(`Other users of this machine can list ${dataDir}.`, remedy);
}

/** The folder's own, and those of the local authority. The database's folder belongs to its user, who checks it. */
async function secretsIn(dataDir: string): Promise<string[]> {
  const folders = [dataDir, join(dataDir, 'local-ca')];
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile() && /key|token|secret/i.test(entry.name))
        .map(({ name }) => join(folder, name));
    }),
  );
  return found.flat();
}

async function modeOf(path: string): Promise<{ path: string; mode: number }> {
  const { mode } = await stat(path);
  return { path, mode };
}

/** Placeholders do not get this far: the settings refuse them, and the doctor says which. */
function lookAtSecrets({ config: { secretKeys, databaseUrl } }: Premises): Verdict {
  if (secretKeys !== undefined) return ok('What is sealed is sealed with HUB_SECRET_KEY.');
  if (databaseUrl === undefined)
    return ok(
      'What is sealed is sealed with sealing.key in the data folder: a backup without it opens nothing.',
    );
  return warning(
    'The secrets in the database are sealed with sealing.key, which lies in the data folder of this one machine.',
    'Set HUB_SECRET_KEY to its text, so that the hub can start elsewhere with the same database, or see that sealing.key is in every backup.',
  );
}

const dayMs = 24 * 60 * 60 * 1000;
/** What is lost then is a week of accounts, names and keys. */
const oldDays = 7;

async function lookAtBackup({ config: { dataDir }, now }: Premises): Promise<Verdict> {
  const remedy =
    'Run phlix-hub backup, or let the hub do it by itself every night with HUB_BACKUP_SCHEDULE.';
  const [last, good] = await Promise.all([lastBackup(dataDir), lastGoodBackup(dataDir)]);
  if (good === undefined)
    return warning(
      last?.error === undefined
        ? 'There is no backup of this hub.'
        : `There is no backup of this hub: the last attempt failed (${last.error}).`,
      remedy,
    );
  const days = Math.floor((now.getTime() - good.at.getTime()) / dayMs);
  const message = `The last backup is ${days === 0 ? 'less than a day' : `${days} days`} old.`;
  if (days >= oldDays) return warning(message, remedy);
  if (last?.ok === false)
    return warning(
      `${message} The attempt after it failed: ${last.error ?? 'nobody knows why'}`,
      remedy,
    );
  return ok(message);
}
