// A file that was just made arrives; it leaves belonging to whom its folder belongs, so that a command of root's keeps nothing from the hub.

import { chownSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where the hub runs as a user of its own, commands are often run as root, and both write the same files. */
export function leaveToOwner(path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid !== 0) chownSync(path, uid, gid);
}
