// A backup's file and its keys arrive; its parts leave one after the other, and its manifest once every byte has been held against it.

import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';

import { extract } from 'tar-stream';

import { BackupError, damaged, storageFailure } from './backup-error.ts';
import {
  fileFolder,
  manifestName,
  maxManifestBytes,
  maxPartBytes,
  parsePartName,
  tablePath,
} from './archive-layout.ts';
import { lineFeeds } from './archive-writer.ts';
import { decrypted, type Keys } from './encryption.ts';
import { parseManifest, type Manifest, type Piece } from './manifest.ts';

export interface Part {
  /** `database/servers.copy`, `files/sealing.key`. */
  readonly path: string;
  readonly bytes: Buffer;
}

/**
 * Reads all of it, and touches nothing else.
 * @throws BackupError
 */
export async function verifyArchive(path: string, keys: Keys): Promise<Manifest> {
  const found = new Map<string, Counted>();
  let text: string | undefined;
  for await (const part of readArchive(path, keys)) {
    if (part.path === manifestName) text = part.bytes.toString('utf8');
    else count(found, part);
  }
  if (text === undefined) throw headless();
  const manifest = parseManifest(text);
  compare(manifest, found);
  return manifest;
}

/** Once more, while it is used; what changed meanwhile throws before the last part is given. */
export async function* readVerified(
  path: string,
  keys: Keys,
  manifest: Manifest,
): AsyncGenerator<Part> {
  const found = new Map<string, Counted>();
  let isWhole = false;
  for await (const part of readArchive(path, keys)) {
    if (part.path === manifestName) {
      compare(manifest, found);
      isWhole = true;
    } else count(found, part);
    yield part;
  }
  if (!isWhole) throw headless();
}

/** Parts in their order; the manifest comes last, as one. @throws BackupError */
export async function* readArchive(path: string, keys: Keys): AsyncGenerator<Part> {
  const isPlain = await isPlainTar(path);
  if (isPlain && keys.readsPlain !== true) throw plain(path);
  const file = (await opened(path)).createReadStream();
  const tar = extract();
  // Errors come out of the loop below.
  const feeding = feed(isPlain ? file : decryptedLater(file, keys), tar).catch((error: unknown) =>
    tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    const next = new Map<string, number>();
    let isOver = false;
    for await (const entry of tar) {
      const { name, size, type } = entry.header;
      // Links, folders and devices are no part of any; tar-stream takes no more than 4 MiB of what stands before a header.
      if (type !== 'file') throw strange(name);
      const isManifest = name === manifestName;
      if (size > (isManifest ? maxManifestBytes : maxPartBytes)) throw strange(name);
      if (isOver) throw strange(name);
      const bytes = await gathered(entry as unknown as AsyncIterable<Uint8Array>);
      if (isManifest) {
        isOver = true;
        yield { path: name, bytes };
        continue;
      }
      const part = parsePartName(name);
      if (part === undefined || part.number !== (next.get(part.path) ?? 0)) throw strange(name);
      next.set(part.path, part.number + 1);
      yield { path: part.path, bytes };
    }
    await feeding;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError('backup.damaged', damaged('it is no archive, or its end is missing'), {
      cause: error,
    });
  } finally {
    tar.destroy(new Error('read no further'));
    file.destroy();
  }
}

async function feed(plain: AsyncIterable<Uint8Array>, tar: ReturnType<typeof extract>) {
  for await (const piece of plain) {
    if (tar.destroyed) return;
    if (!tar.write(piece)) await drained(tar);
  }
  tar.end(undefined);
}

/** Or destroyed: then nobody waits any more. */
async function drained(tar: ReturnType<typeof extract>): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      tar.off('drain', go);
      tar.off('close', go);
      resolve();
    };
    tar.on('drain', go);
    tar.on('close', go);
  });
}

async function gathered(entry: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of entry) pieces.push(piece);
  return Buffer.concat(pieces);
}

const ageLine = 'age-encryption.org/v1';
/** POSIX.1-1988 ustar: these letters stand at this place of the first header. */
const tarMagic = { at: 257, text: 'ustar' };

/** @throws BackupError backup.damaged: it is neither a tar nor encrypted */
async function isPlainTar(path: string): Promise<boolean> {
  const head = await headOf(path);
  if (head.subarray(0, ageLine.length).toString('latin1') === ageLine) return false;
  const magic = head.subarray(tarMagic.at, tarMagic.at + tarMagic.text.length).toString('latin1');
  if (magic === tarMagic.text) return true;
  throw new BackupError('backup.damaged', damaged(`${path} is not one that phlix-hub made`));
}

/** Whoever can write the file could put one of his own there, and give the hub accounts and keys that he knows. */
function plain(path: string): BackupError {
  return new BackupError(
    'backup.plain',
    `${path} is not encrypted, so anybody may have written it. If it was made with --insecure-plain, and nobody else could change it since, say --insecure-plain here too.`,
  );
}

async function* decryptedLater(
  sealed: AsyncIterable<Uint8Array>,
  keys: Keys,
): AsyncGenerator<Uint8Array> {
  yield* await decrypted(sealed, keys);
}

async function headOf(path: string): Promise<Buffer> {
  const file = await opened(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw storageFailure(path, error);
  } finally {
    await file.close();
  }
}

async function opened(path: string) {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storageFailure(path, error);
    throw new BackupError('backup.unknown', `There is no file ${path}.`, { cause: error });
  }
}

interface Counted {
  readonly digest: Hash;
  bytes: number;
  parts: number;
  rows: number;
}

function count(found: Map<string, Counted>, { path, bytes }: Part): void {
  const counted = found.get(path) ?? { digest: createHash('sha256'), bytes: 0, parts: 0, rows: 0 };
  counted.digest.update(bytes);
  counted.bytes += bytes.length;
  counted.parts += 1;
  counted.rows += lineFeeds(bytes);
  found.set(path, counted);
}

/** Everything that the manifest names is there as it says, and nothing else. */
function compare({ tables, files }: Manifest, found: Map<string, Counted>): void {
  for (const table of tables) {
    const counted = take(found, tablePath(table.name), table);
    if (counted.rows !== table.rows) throw changed(table.name);
  }
  for (const file of files) take(found, fileFolder + file.path, file);
  const [stranger] = found.keys();
  if (stranger !== undefined) throw strange(stranger);
}

function take(found: Map<string, Counted>, path: string, piece: Piece): Counted {
  const empty: Counted = { digest: createHash('sha256'), bytes: 0, parts: 0, rows: 0 };
  const counted = found.get(path) ?? empty;
  found.delete(path);
  const isSame =
    counted.bytes === piece.bytes &&
    counted.parts === piece.parts &&
    counted.digest.digest('hex') === piece.sha256;
  if (!isSame) throw changed(path);
  return counted;
}

function changed(path: string): BackupError {
  return new BackupError('backup.damaged', damaged(`${path} is not what its manifest says`));
}

function headless(): BackupError {
  return new BackupError('backup.damaged', damaged('its manifest is missing'));
}

function strange(name: string): BackupError {
  return new BackupError('backup.damaged', damaged(`nobody knows what ${name} in it is`));
}
