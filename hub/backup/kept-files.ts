// The data folder arrives; what a hub cannot do without beside its database leaves: the key that seals, the local authority, the audit log.

import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { KeptFile } from './archive-writer.ts';

/** What the names of files in a backup may be. A restore writes these and no others. */
const single = ['sealing.key', 'local-ca/ca.pem', 'local-ca/ca-key.pem'] as const;
const auditFile = /^audit\/audit-\d{8,}\.jsonl(\.gz)?$/;
/** HUB_SECRET_KEY, where a setting takes the place of sealing.key: without it the backup's keys stay closed. */
export const secretKeyFile = 'secret-key';
/** Certificates of the operator's own, beside the setting that names them. */
const tlsFile = /^tls\/(certificate|key)-\d{1,2}\.pem$/;

export interface KeptPlace {
  readonly dataDir: string;
  /** As HUB_SECRET_KEY has it; undefined: sealing.key is the secret. */
  readonly secretKey: string | undefined;
  /** HUB_TLS_CERT_FILE and HUB_TLS_KEY_FILE. */
  readonly tlsFiles: readonly { readonly path: string; readonly name: string }[];
}

export function isKeptName(path: string): boolean {
  return (
    single.some((name) => name === path) ||
    path === secretKeyFile ||
    auditFile.test(path) ||
    tlsFile.test(path)
  );
}

/** After the dump: lines of the audit log that the database knows are then in the files. */
export async function* keptFiles({
  dataDir,
  secretKey,
  tlsFiles,
}: KeptPlace): AsyncGenerator<KeptFile> {
  for (const path of single) {
    const file = await found(path, join(dataDir, path));
    if (file !== undefined) yield file;
  }
  if (secretKey !== undefined) yield { path: secretKeyFile, read: () => textOf(`${secretKey}\n`) };
  for (const { path, name } of tlsFiles) {
    const file = await found(name, path);
    if (file !== undefined) yield file;
  }
  yield* auditFiles(join(dataDir, 'audit'));
}

/** What a snapshot keeps of them: the audit log only ever grows, and stays where it is. */
export async function* sealingFile(dataDir: string): AsyncGenerator<KeptFile> {
  const file = await found('sealing.key', join(dataDir, 'sealing.key'));
  if (file !== undefined) yield file;
}

function byName(one: string, other: string): number {
  return one < other ? -1 : 1;
}

async function* auditFiles(folder: string): AsyncGenerator<KeptFile> {
  const names = await readdir(folder).catch(() => []);
  const numbers = new Set<string>();
  for (const name of names.toSorted(byName)) {
    const path = `audit/${name}`;
    const [number = ''] = name.split('.');
    // Packed and plain stand side by side for a moment: either holds the same.
    if (!auditFile.test(path) || numbers.has(number)) continue;
    const file =
      (await found(path, join(folder, name))) ??
      (await found(`${path}.gz`, join(folder, `${name}.gz`)));
    if (file === undefined) continue;
    numbers.add(number);
    yield file;
  }
}

/** Opened now, so that nobody can pack or replace it before it is read. Undefined: there is none. */
async function found(path: string, place: string): Promise<KeptFile | undefined> {
  try {
    const handle = await open(place, 'r');
    const { size } = await handle.stat();
    return { path, read: () => read(handle, size) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

/** As long as it is now: somebody may be writing behind that. */
async function* read(handle: Handle, size: number): AsyncGenerator<Uint8Array> {
  try {
    if (size > 0) yield* handle.createReadStream({ start: 0, end: size - 1, autoClose: false });
  } finally {
    await handle.close();
  }
}

async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
