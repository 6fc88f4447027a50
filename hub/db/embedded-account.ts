// The hub's own user arrives; the user that runs its database leaves: PostgreSQL refuses root, so a root hub lends it a uid of its own.

import { readFileSync, statSync } from 'node:fs';
import { DatabaseError } from './database-error.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface DatabaseAccount extends Account {
  /** False: the database runs as the hub itself, nothing has to be handed over. */
  readonly isOwn: boolean;
  /** Who runs `initdb`, which insists on a name in /etc/passwd; `postgres` does not. */
  readonly initdbUid: number;
  /** The OS user that peer authentication lets in: the hub's. */
  readonly client: string;
}

/** Of the ids below 65536, which exist in every user namespace, these are the ones systemd's and Debian's lists leave unused. */
const freeUids = { first: 65520, last: 65533 };

/**
 * @param dataFolder the database's folder: once made, its owner decides
 * @throws DatabaseError database.folder
 */
export function databaseAccount(dataFolder: string): DatabaseAccount {
  const users = readUsers();
  const uid = process.getuid?.() ?? 0;
  const self = users.find((user) => user.uid === uid);
  if (self === undefined) {
    throw new DatabaseError(
      'database.folder',
      `the hub runs as uid ${uid}, which has no name in /etc/passwd, and PostgreSQL asks for one: add a line for it (container: --user with a known user), or set HUB_DATABASE_URL`,
    );
  }
  if (uid !== 0) {
    return { ...self, isOwn: false, initdbUid: uid, client: self.name };
  }
  const account = ownerOf(dataFolder) ?? freeAccount(users);
  const isNamed = users.some((user) => user.uid === account.uid);
  const nobody = users.find((user) => user.name === 'nobody');
  return {
    ...account,
    isOwn: true,
    initdbUid: isNamed ? account.uid : (nobody ?? account).uid,
    client: self.name,
  };
}

export interface User extends Account {
  readonly name: string;
}

/** The user database as getpwuid reads it; users from a directory service are not needed here. */
export function readUsers(): User[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((columns) => columns.length >= 7)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

function ownerOf(folder: string): Account | undefined {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
}

function freeAccount(users: readonly User[]): Account {
  for (let uid = freeUids.first; uid <= freeUids.last; uid++) {
    if (!users.some((user) => user.uid === uid || user.gid === uid)) {
      return { uid, gid: uid };
    }
  }
  throw new DatabaseError(
    'database.folder',
    `every uid from ${freeUids.first} to ${freeUids.last} is taken: run the hub as an ordinary user, or set HUB_DATABASE_URL`,
  );
}
