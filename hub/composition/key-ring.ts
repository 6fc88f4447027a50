// Settings and stores arrive; the one key ring of the process leaves, and everything that is stored is sealed anew with its first secret.

import type { Audit } from '../audit/audit.ts';
import { KeyRing } from '../certificates/life/sealing.ts';
import { CertificateError } from '../certificates/failure.ts';
import type { HubConfig } from '../config.ts';
import { sealedColumns, type PostgresSealedRows, type SealedRow } from '../db/sealed-rows.ts';

export interface SealedStores {
  readonly sealed: PostgresSealedRows;
}

/** @throws CertificateError certificate.sealed | certificate.unreadable | certificate.exposed: a hub that cannot open its own secrets does not start */
export async function openKeyRing(
  { secretKeys, dataDir }: Pick<HubConfig, 'secretKeys' | 'dataDir'>,
  { sealed }: SealedStores,
): Promise<KeyRing> {
  return KeyRing.open({
    secrets: secretKeys?.map((key) => key.reveal()),
    dataDir,
    hasSealedKeys: async () => sealed.areThere(),
  });
}

/**
 * Of a hub that starts: where something is sealed and nothing of it opens, the secret is another one, as behind a restored
 * database. A hub that ran on would lock everybody out of his factors one by one (security.md E-04).
 * @throws CertificateError certificate.sealed
 */
export async function requireFitting(keyRing: KeyRing, { sealed }: SealedStores): Promise<void> {
  const samples = await sealed.samples();
  const opens = samples.some((row) => keyRing.generationOf(row.sealed) !== undefined);
  if (samples.length === 0 || opens) return;
  throw new CertificateError('certificate.sealed', keyRing.foreign);
}

export function noteNewKey(audit: Audit, { isNew }: KeyRing): void {
  if (!isNew) return;
  audit.note({ event: 'key.created', actor: 'system', target: 'sealing.key', result: 'ok' });
}

export interface Rotation {
  /** Of each kind: how many are sealed anew, and how many nothing opens. */
  readonly kinds: readonly {
    readonly what: string;
    readonly resealed: number;
    readonly closed: number;
  }[];
  /** Another secret was made and put in front. */
  readonly hasNewSecret: boolean;
}

/**
 * While hubs run. Where the secret is a file, it gets a new one in front, which running hubs notice by themselves; where it
 * is HUB_SECRET_KEY, a person has put one in front, and has restarted the hubs.
 * @throws CertificateError, DatabaseError database.in-use: another rotation is under way
 */
export async function rotateKeys(keyRing: KeyRing, { sealed }: SealedStores): Promise<Rotation> {
  return sealed.alone(async () => {
    const hasNewSecret = await keyRing.renew((await oldestNeeded(keyRing, sealed)) + 1);
    const kinds = new Map(sealedColumns.map(({ what }) => [what, { resealed: 0, closed: 0 }]));
    for (let pass = 0; pass < passes; pass++) {
      const resealed = await resealAll(keyRing, sealed, kinds);
      if (resealed === 0) break;
    }
    return {
      kinds: [...kinds].map(([what, counts]) => ({ what, ...counts })),
      hasNewSecret,
    };
  });
}

/** A hub that read the former secret just before may have sealed one more thing with it. */
const passes = 3;

async function oldestNeeded(keyRing: KeyRing, sealed: PostgresSealedRows): Promise<number> {
  let oldest = 0;
  for (const column of sealedColumns) {
    for await (const row of sealed.list(column)) {
      oldest = Math.max(oldest, keyRing.generationOf(row.sealed) ?? 0);
    }
  }
  return oldest;
}

async function resealAll(
  keyRing: KeyRing,
  sealed: PostgresSealedRows,
  kinds: Map<string, { resealed: number; closed: number }>,
): Promise<number> {
  let count = 0;
  for (const column of sealedColumns) {
    const counts = kinds.get(column.what);
    if (counts === undefined) continue;
    counts.closed = 0;
    for await (const row of sealed.list(column)) {
      const outcome = await reseal(row, keyRing, sealed);
      if (outcome === 'closed') counts.closed += 1;
      if (outcome === 'resealed') {
        counts.resealed += 1;
        count += 1;
      }
    }
  }
  return count;
}

async function reseal(
  row: SealedRow,
  keyRing: KeyRing,
  sealed: PostgresSealedRows,
): Promise<'resealed' | 'current' | 'closed'> {
  if (keyRing.isCurrent(row.sealed)) return 'current';
  try {
    const next = keyRing.seal(keyRing.open(row.sealed, row.context), row.context);
    return (await sealed.replace(row, next)) ? 'resealed' : 'current';
  } catch (error) {
    if (error instanceof CertificateError && error.code === 'certificate.sealed') return 'closed';
    throw error;
  }
}
