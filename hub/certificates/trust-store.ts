// The local CA's certificate arrives; it is put into, or taken out of, the places where this machine's programs look for trust.

import { execFile } from 'node:child_process';
import { access, chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What happened in one of the places. */
export interface TrustStep {
  readonly place: string;
  readonly isDone: boolean;
  /** What was done, or what is missing and how to get it. */
  readonly remark: string;
}

export interface TrustedCertificate {
  readonly certificatePath: string;
  readonly fingerprint: string;
}

export interface TrustPlaces {
  /** HOME: Chromium keeps its database below it. */
  readonly home: string;
  readonly isRoot: boolean;
  /** Where the system's stores live; tests give a folder of their own. */
  readonly root: string;
}

/** Makes the system (curl, wget, ffmpeg, .NET) and this user's Chromium trust the certificate. */
export async function trust(ca: TrustedCertificate, places: TrustPlaces): Promise<TrustStep[]> {
  return [
    await inSystem(places, async (store) => {
      const path = anchorPath(store, ca, places);
      await copyFile(ca.certificatePath, path);
      // The copy inherits 0600, and every user's programs look it up by its hash.
      await chmod(path, 0o644);
      await run(store.update);
      return `installed as ${path}`;
    }),
    await inChromium(places, async (database) => {
      await mkdir(join(places.home, '.pki', 'nssdb'), { recursive: true, mode: 0o700 });
      const exists = await isThere(join(places.home, '.pki', 'nssdb', 'cert9.db'));
      if (!exists) await run(['certutil', '-d', database, '-N', '--empty-password']);
      const entry = ['-n', nickname(ca), '-i', ca.certificatePath];
      await run(['certutil', '-d', database, '-A', '-t', 'C,,', ...entry]);
      return `added to ${database} as "${nickname(ca)}"`;
    }),
  ];
}

/** Undoes `trust`; a place that never had the certificate counts as done. */
export async function distrust(ca: TrustedCertificate, places: TrustPlaces): Promise<TrustStep[]> {
  return [
    await inSystem(places, async (store) => {
      const path = anchorPath(store, ca, places);
      if (!(await isThere(path))) return 'was not installed';
      await rm(path);
      await run(store.update);
      return `removed ${path}`;
    }),
    await inChromium(places, async (database) => {
      if (!(await isThere(join(places.home, '.pki', 'nssdb', 'cert9.db')))) return 'was not there';
      const isKnown = await run(['certutil', '-d', database, '-L', '-n', nickname(ca)]).then(
        () => true,
        () => false,
      );
      if (!isKnown) return 'was not there';
      await run(['certutil', '-d', database, '-D', '-n', nickname(ca)]);
      return `removed from ${database}`;
    }),
  ];
}

/** A distribution's folder for added authorities, and the command that reads it. */
interface SystemStore {
  readonly folder: string;
  readonly update: readonly [string, ...string[]];
}

const systemStores: readonly SystemStore[] = [
  // Debian, Ubuntu, Alpine.
  { folder: 'usr/local/share/ca-certificates', update: ['update-ca-certificates'] },
  // Fedora, RHEL.
  { folder: 'etc/pki/ca-trust/source/anchors', update: ['update-ca-trust', 'extract'] },
  // Arch.
  { folder: 'etc/ca-certificates/trust-source/anchors', update: ['update-ca-trust', 'extract'] },
];

/** Part of every name, so that an authority made anew does not hide behind the trust in its predecessor. */
function shortFingerprint(ca: TrustedCertificate): string {
  return Buffer.from(ca.fingerprint, 'base64url').toString('hex').slice(0, 8);
}

function nickname(ca: TrustedCertificate): string {
  return `Phlix Hub local CA ${shortFingerprint(ca)}`;
}

function anchorPath(store: SystemStore, ca: TrustedCertificate, places: TrustPlaces): string {
  return join(places.root, store.folder, `phlix-hub-local-ca-${shortFingerprint(ca)}.crt`);
}

async function inSystem(
  places: TrustPlaces,
  work: (store: SystemStore) => Promise<string>,
): Promise<TrustStep> {
  const place = 'system';
  const candidates = await Promise.all(
    systemStores.map(async (store) =>
      (await isThere(join(places.root, store.folder))) ? store : undefined,
    ),
  );
  const store = candidates.find((candidate) => candidate !== undefined);
  if (store === undefined) {
    const remark =
      'this system keeps its authorities where the hub does not know; on Debian: apt install ca-certificates';
    return { place, isDone: false, remark };
  }
  if (!places.isRoot) {
    return { place, isDone: false, remark: 'needs root; run the same command with sudo' };
  }
  return attempt(place, async () => work(store), 'apt install ca-certificates');
}

async function inChromium(
  places: TrustPlaces,
  work: (database: string) => Promise<string>,
): Promise<TrustStep> {
  const database = `sql:${join(places.home, '.pki', 'nssdb')}`;
  return attempt('chromium', async () => work(database), 'apt install libnss3-tools');
}

async function attempt(
  place: string,
  work: () => Promise<string>,
  packageCommand: string,
): Promise<TrustStep> {
  try {
    return { place, isDone: true, remark: await work() };
  } catch (error) {
    const { code, path, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    const isMissing = code === 'ENOENT' && path !== undefined && !path.includes('/');
    const said = stderr?.trim().split('\n').at(-1) ?? message;
    const remark = isMissing ? `${path} is missing; install it: ${packageCommand}` : said;
    return { place, isDone: false, remark };
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function run([command, ...args]: readonly string[]): Promise<void> {
  await execute(command ?? '', args, { timeout: 60_000 });
}

const execute = promisify(execFile);
