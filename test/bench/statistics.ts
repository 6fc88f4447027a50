// Numbers arrive; the one that stands for them leaves.

/** Of an even count the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  return (percentile(values, 0.5, Math.floor) + percentile(values, 0.5, Math.ceil)) / 2;
}

/** Nearest rank at `share` (0.99) of the sorted values; NaN of none. */
export function percentile(
  values: readonly number[],
  share: number,
  round: (rank: number) => number = Math.round,
): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[round((sorted.length - 1) * share)] ?? Number.NaN;
}
