// Numbers arrive; words of them leave that people compare at a glance. Pages that the server makes say them the same way.

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const bitUnits = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];

/** `1.4 GB`: powers of a thousand, as providers count. */
export function bytesText(bytes: number): string {
  return scaled(bytes, byteUnits);
}

/** `12.6 Mbit/s`. */
export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, bitUnits);
}

/** `18 ms`; a dash where nothing was measured. */
export function delayText(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '–' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function countText(count: number): string {
  return count.toLocaleString('en');
}

function scaled(amount: number, units: readonly string[]): string {
  let rest = amount;
  let unit = 0;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && rest < 9.95 ? 1 : 0;
  return `${rest.toFixed(digits)} ${units[unit] ?? ''}`;
}
