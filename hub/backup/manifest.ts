// What stands in a backup arrives as text; it leaves as facts that were checked, or as the reason why this program cannot use it.

import { z } from 'zod';

import { BackupError, damaged } from './backup-error.ts';

/** Of the archive's layout. A later version that changes it counts on, and reads the former ones. */
export const formatVersion = 1;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** Read as names of tables and columns; loading looks each of them up in the database, whatever stands here. */
const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);

const piece = z.object({
  /** Of all parts behind each other. */
  bytes: z.number().int().min(0),
  sha256: hash,
  parts: z.number().int().min(0),
});

const table = piece.extend({
  name: identifier,
  columns: z.array(identifier).min(1),
  rows: z.number().int().min(0),
});

const file = piece.extend({ path: z.string().max(200) });

const sequence = z.object({
  name: identifier,
  value: z.string().regex(/^-?\d{1,19}$/),
  is_called: z.boolean(),
});

const migration = z.object({ at: z.number().int().min(0), hash });

const shown = z.object({
  name: z.string(),
  from: z.string(),
  text: z.string().optional(),
  is_secret: z.boolean(),
});

const manifest = z.object({
  program: z.literal('phlix-hub'),
  format: z.literal(formatVersion),
  /** Of the program that made it. */
  version: z.string(),
  made_at: z.iso.datetime().transform((text) => new Date(text)),
  /** Why: a command, the schedule, or what was about to happen to the database. */
  reason: z.string().max(100),
  hub_host: z.string(),
  postgres: z.string(),
  migrations: z.array(migration).min(1),
  tables: z.array(table),
  sequences: z.array(sequence),
  files: z.array(file),
  settings: z.array(shown),
});

export type Manifest = z.output<typeof manifest>;
export type ManifestText = z.input<typeof manifest>;
export type DumpedTable = z.output<typeof table>;
export type Piece = z.output<typeof piece>;

/** @throws BackupError backup.newer | backup.damaged */
export function parseManifest(text: string): Manifest {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new BackupError('backup.damaged', damaged('its manifest is no JSON'), { cause: error });
  }
  const { format, version } = (found ?? {}) as { format?: unknown; version?: unknown };
  if (typeof format === 'number' && format > formatVersion)
    throw new BackupError(
      'backup.newer',
      `This backup was made by phlix-hub ${String(version)}, which writes another kind of archive: restore it with that version or a later one.`,
    );
  const parsed = manifest.safeParse(found);
  if (parsed.success) return parsed.data;
  throw new BackupError('backup.damaged', damaged('its manifest is not one of this program'), {
    cause: parsed.error,
  });
}
