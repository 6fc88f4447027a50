// When backups were made arrives, and how many of each kind to keep; those that have had their time leave (security row E-17: 7 daily, 4 weekly, 6 monthly).

export interface Kept {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

/**
 * The last one of each day, ISO week and month that has one, as many of each as said, counted back from the youngest: a hub that
 * was away for a month keeps what it has. The youngest always stays.
 */
export function expired<Backup extends { readonly at: Date }>(
  backups: readonly Backup[],
  kept: Kept,
): Backup[] {
  const youngestFirst = backups.toSorted((a, b) => b.at.getTime() - a.at.getTime());
  const stay = new Set(youngestFirst.slice(0, 1));
  for (const [count, spanOf] of [
    [kept.daily, dayOf],
    [kept.weekly, weekOf],
    [kept.monthly, monthOf],
  ] as const) {
    const spans = new Set<string>();
    for (const backup of youngestFirst) {
      const span = spanOf(backup.at);
      if (spans.has(span)) continue;
      if (spans.size >= count) break;
      spans.add(span);
      stay.add(backup);
    }
  }
  return youngestFirst.filter((backup) => !stay.has(backup));
}

/** All in UTC: a day that is an hour longer twice a year would be nobody's wish. */
function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

function monthOf(at: Date): string {
  return at.toISOString().slice(0, 7);
}

/** By its Thursday, as ISO 8601 counts weeks. */
function weekOf(at: Date): string {
  const thursday = new Date(at);
  thursday.setUTCDate(at.getUTCDate() + 4 - (at.getUTCDay() || 7));
  return dayOf(thursday);
}
