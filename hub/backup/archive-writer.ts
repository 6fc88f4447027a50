// A dump and files arrive; they leave as one tar, in parts of bounded size, with a manifest of their hashes at its end.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

import { pack, type Pack } from 'tar-stream';

import type { DatabaseDump } from './database-dump.ts';
import { formatVersion, type ManifestText, type Piece } from './manifest.ts';
import { fileFolder, manifestName, maxPartBytes, partName, tablePath } from './archive-layout.ts';

export interface KeptFile {
  /** `sealing.key`, `local-ca/ca.pem`: below the data folder. */
  readonly path: string;
  read(): AsyncIterable<Uint8Array>;
}

export interface Contents {
  readonly dump: DatabaseDump;
  readonly files: AsyncIterable<KeptFile>;
  readonly facts: Pick<ManifestText, 'version' | 'reason' | 'hub_host' | 'settings'>;
  readonly madeAt: Date;
}

/** What it came to. */
export interface Written {
  readonly tables: number;
  readonly rows: number;
  readonly files: number;
}

/** No more than a part is in memory, whatever the database holds: the archive waits for whoever reads it. */
export function archive(
  contents: Contents,
  onWritten: (written: Written) => void,
): AsyncIterable<Uint8Array> {
  const tar = pack();
  // One that nobody has begun to read, since there is no place for it, must not end the hub with an error that nobody hears.
  tar.on('error', () => undefined);
  const written = writeAll(tar, contents).then(onWritten);
  // The reader of the archive hears of it from the archive.
  written.catch((error: unknown) =>
    tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return tar as unknown as AsyncIterable<Uint8Array>;
}

async function writeAll(tar: Pack, contents: Contents): Promise<Written> {
  const { dump, madeAt, facts } = contents;
  const tables: ManifestText['tables'] = [];
  for (const { name, columns } of dump.tables) {
    const path = tablePath(name);
    const { rows, ...piece } = await writePiece(tar, path, dump.copyOut(name), madeAt);
    tables.push({ name, columns: [...columns], rows, ...piece });
  }
  const files: ManifestText['files'] = [];
  for await (const file of contents.files) {
    const { rows: _, ...piece } = await writePiece(
      tar,
      fileFolder + file.path,
      file.read(),
      madeAt,
    );
    files.push({ path: file.path, ...piece });
  }
  const manifest: ManifestText = {
    program: 'phlix-hub',
    format: formatVersion,
    ...facts,
    made_at: madeAt.toISOString(),
    postgres: dump.postgres,
    migrations: [...dump.migrations],
    tables,
    sequences: dump.sequences.map(({ name, value, isCalled }) => ({
      name,
      value,
      is_called: isCalled,
    })),
    files,
  };
  const text = Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`);
  await writeEntry(tar, manifestName, text, madeAt);
  tar.finalize();
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return { tables: tables.length, rows, files: files.length };
}

/** `rows`: line feeds, of which COPY writes one behind each row and none within. */
async function writePiece(
  tar: Pack,
  path: string,
  source: AsyncIterable<Uint8Array>,
  madeAt: Date,
): Promise<Piece & { rows: number }> {
  const digest = createHash('sha256');
  let [bytes, parts, rows] = [0, 0, 0];
  for await (const part of inParts(source)) {
    digest.update(part);
    rows += lineFeeds(part);
    await writeEntry(tar, partName(path, parts), part, madeAt);
    bytes += part.length;
    parts += 1;
  }
  return { bytes, parts, rows, sha256: digest.digest('hex') };
}

/** A tar says how long something is before it begins, and nobody knows that of a table that is being read. */
async function* inParts(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    for (let rest = piece; rest.length > 0;) {
      const taken = rest.subarray(0, maxPartBytes - length);
      waiting.push(taken);
      length += taken.length;
      rest = rest.subarray(taken.length);
      if (length < maxPartBytes) continue;
      yield Buffer.concat(waiting);
      [waiting, length] = [[], 0];
    }
  }
  if (length > 0) yield Buffer.concat(waiting);
}

export function lineFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) count += 1;
  return count;
}

const lineFeed = 0x0a;

/** Resolves when whoever reads the tar has taken it. */
async function writeEntry(tar: Pack, name: string, bytes: Buffer, mtime: Date): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const header = { name, size: bytes.length, mode: 0o600, mtime };
    const entry = tar.entry(header, (error) => {
      if (error) reject(error);
      else resolve();
    });
    entry.end(bytes);
  });
}
