// Time elements in UTC arrive; they read in the reader's own language and zone, and "3 minutes ago" stays true.

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];
const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const refreshMs = 30_000;

/** Also for what an island adds later. */
export function showTimes(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>('time[data-relative]')) {
    const at = new Date(element.dateTime);
    element.title = full.format(at);
    element.textContent = relative(at);
  }
  for (const element of root.querySelectorAll<HTMLTimeElement>('time[data-day]'))
    element.textContent = date.format(new Date(element.dateTime));
}

export function relative(at: Date): string {
  const ms = at.getTime() - Date.now();
  const step = steps.find(([, unitMs]) => Math.abs(ms) >= unitMs);
  return step === undefined ? 'just now' : words.format(Math.round(ms / step[1]), step[0]);
}

setInterval(() => showTimes(document), refreshMs);
