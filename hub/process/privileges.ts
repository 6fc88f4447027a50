// A process that is root arrives, with HUB_USER; the same process leaves as that user, its low ports bound, and with no way back (security row E-09).

import { accessSync, constants } from 'node:fs';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  bindEarly,
  listenText,
  type ListenAddress,
  type PortSharing,
} from '../../shared/listen-address.ts';
import { SettingsError } from '../../shared/settings/settings.ts';
import type { HubConfig } from '../config.ts';
import { giveDataFolder, giveFile } from './data-folder.ts';
import { readUsers, type User } from '../db/embedded-account.ts';
import { listenFailure, type ListenSetting } from '../doors/listen-failure.ts';
import { firstFreePort } from '../settings/user.ts';

/**
 * Binds what the user could not bind, and becomes him. Does nothing where HUB_USER is not set, or is who runs this already.
 * @returns the user's name, if this process was root until now
 * @throws SettingsError HUB_USER | HUB_DATA_DIR | HUB_DNS_RESPONDER_LISTEN, ListenError listen.*
 */
export async function bindAndBecomeUser(
  config: HubConfig,
  sharing: PortSharing,
): Promise<string | undefined> {
  if (userToBecome(config) === undefined) return undefined;
  if (config.startProblems.length > 0) throw new SettingsError(config.startProblems);
  for (const [setting, address] of lowPorts(config)) {
    try {
      await bindEarly(listenText(address), sharing);
    } catch (error) {
      throw listenFailure(error, setting, address);
    }
  }
  return becomeUser(config);
}

/** The same for a command, which listens nowhere. @throws SettingsError HUB_USER | HUB_DATA_DIR */
export function becomeUser(config: HubConfig): string | undefined {
  const user = userToBecome(config);
  if (user === undefined) return undefined;
  const { dataDir, databaseUrl, audit } = config;
  giveDataFolder({ dataDir, hasDatabase: databaseUrl === undefined }, user);
  const { authLogPath } = audit;
  // What is in the folder was given with it.
  if (authLogPath !== undefined && !isWithin(dataDir, authLogPath))
    giveFile(authLogPath, 0o640, user);
  // The groups while it still may; the user last, since nothing may be changed from then on.
  process.setgid?.(user.gid);
  groupsOf.initgroups?.(user.name, user.gid);
  process.setuid?.(user.uid);
  requireNoWayBack(user);
  // Root's own, where the database would put its socket if its folder has too long a name.
  delete process.env['XDG_RUNTIME_DIR'];
  requireAccess(config, user);
  return user.name;
}

/** `/var/lib/hub-auth.log` is not in `/var/lib/hub`. */
export function isWithin(folder: string, path: string): boolean {
  return resolve(path).startsWith(`${resolve(folder)}${sep}`);
}

/** The types of Node 24 lack it. */
const groupsOf = process as object as { initgroups?(user: string, gid: number): void };

function userToBecome({ user: name }: HubConfig): User | undefined {
  if (name === undefined) return undefined;
  const user = readUsers().find((one) => one.name === name);
  const uid = process.getuid?.();
  if (user === undefined || user.uid === 0) {
    const expected = `this machine has no user ${name} in /etc/passwd, or it is root`;
    throw refusal('HUB_USER', expected, `make one with: useradd --system --no-create-home ${name}`);
  }
  if (uid === user.uid) return undefined;
  if (uid === 0) return user;
  const expected = `only root can become ${name}, and this runs as uid ${uid}`;
  throw refusal('HUB_USER', expected, `start it as root or as ${name}, or unset HUB_USER`);
}

function lowPorts(config: HubConfig): [ListenSetting, ListenAddress][] {
  const doors: [ListenSetting, ListenAddress | undefined][] = [
    ['HUB_TUNNEL_LISTEN', config.tunnelListen],
    ['HUB_HTTPS_LISTEN', config.httpsListen],
    ['HUB_HTTP_LISTEN', config.httpListen],
    ['HUB_ADMIN_LISTEN', config.adminListen],
  ];
  return doors.flatMap(([setting, address]): [ListenSetting, ListenAddress][] =>
    address !== undefined && address.port > 0 && address.port < firstFreePort
      ? [[setting, address]]
      : [],
  );
}

/** setuid(2) of root takes the saved id along; a process that could still go back has dropped nothing. */
function requireNoWayBack({ uid, gid, name }: User): void {
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
  let canGoBack = true;
  try {
    process.setuid?.(0);
  } catch {
    canGoBack = false;
  }
  if (canGoBack || ids.some((id, at) => id !== (at < 2 ? uid : gid)))
    throw new Error(`root could not be given up for ${name}`);
}

/** Said here, in one sentence, rather than by whatever is opened first. */
function requireAccess({ dataDir }: HubConfig, { name }: User): void {
  const { R_OK, W_OK, X_OK } = constants;
  const program = fileURLToPath(new URL('.', import.meta.url));
  if (!isAllowed(dataDir, R_OK | W_OK | X_OK)) {
    const expected = `${name} cannot reach ${dataDir}`;
    const remedy = 'let everybody pass the folders above it (chmod a+x), or choose another';
    throw refusal('HUB_DATA_DIR', expected, remedy);
  }
  if (isAllowed(program, R_OK | X_OK)) return;
  const expected = `${name} cannot read the hub's own program in ${program}`;
  throw refusal('HUB_USER', expected, 'install it where everybody may read it, such as /opt');
}

function isAllowed(path: string, wish: number): boolean {
  try {
    accessSync(path, wish);
    return true;
  } catch {
    return false;
  }
}

function refusal(name: string, expected: string, remedy: string): SettingsError {
  return new SettingsError([{ name, expected, remedy }]);
}
