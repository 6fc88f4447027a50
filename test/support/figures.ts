// What a suite measured arrives; lines for the person who reads the run leave. Nothing here is asserted.

/** `large: 2 GiB down: 9.8 s, 219 MB/s` on standard error, where vitest lets it through as it is. */
export function print(suite: string, line: string): void {
  process.stderr.write(`${suite}: ${line}\n`);
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

/** The value that this share of all is not above. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
