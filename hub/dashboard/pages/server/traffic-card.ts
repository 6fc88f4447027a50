// What a server moved on each of the last thirty days arrives; bars leave, and how its requests were answered.

import { bytesText, countText } from '../../islands/amounts.ts';
import { bars, shares, type Share } from '../../parts/bars.ts';
import { card } from '../../parts/card.ts';
import { emptyState } from '../../parts/empty-state.ts';
import type { Markup } from '../../parts/markup.ts';
import type { StatusClass, TrafficAnswer } from '../../server-answers.ts';

const dayMs = 86_400_000;
export const shownDays = 30;

const dayWords = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' });

export function trafficCard(rows: readonly TrafficAnswer[], now: Date): Markup {
  const bytes = rows.map((row) => row.bytes_up + row.bytes_down);
  const all = bytes.reduce((sum, one) => sum + one, 0);
  if (all === 0)
    return card({
      title: 'Traffic by day',
      body: emptyState({
        icon: 'chart',
        title: 'No traffic in the last 30 days',
        body: 'With the first visit, a bar for each day stands here.',
      }),
    });
  return card({
    title: 'Traffic by day',
    lead: `${bytesText(all)} in the last ${shownDays} days, both ways together.`,
    body: bars('Traffic by day', daysOf(rows, now)),
  });
}

/** Days without a row had none. */
function daysOf(
  rows: readonly TrafficAnswer[],
  now: Date,
): { label: string; value: number; text: string }[] {
  const byDay = new Map(
    rows.map((row) => [row.at.slice(0, 10), row.bytes_up + row.bytes_down] as const),
  );
  return Array.from({ length: shownDays }, (_, at) => {
    const day = new Date(now.getTime() - (shownDays - 1 - at) * dayMs);
    const value = byDay.get(day.toISOString().slice(0, 10)) ?? 0;
    return { label: dayWords.format(day), value, text: bytesText(value) };
  });
}

const classes: readonly { status: StatusClass; label: string; tone: Share['tone'] }[] = [
  { status: '2xx', label: '2xx Answered', tone: 'good' },
  { status: '3xx', label: '3xx Sent elsewhere', tone: 'accent' },
  { status: '1xx', label: '101 WebSockets', tone: 'accent' },
  { status: '4xx', label: '4xx Refused', tone: 'warn' },
  { status: '5xx', label: '5xx Failed', tone: 'bad' },
  { status: 'none', label: 'Visitor left before', tone: 'calm' },
];

export function requestsCard(rows: readonly TrafficAnswer[]): Markup {
  const counted = classes.map(({ status, label, tone }) => {
    const value = rows.reduce((sum, { requests }) => sum + requests[status], 0);
    return { label, value, text: countText(value), tone };
  });
  const all = counted.reduce((sum, { value }) => sum + value, 0);
  return card({
    title: 'Requests by status',
    lead: `${countText(all)} in the last ${shownDays} days.`,
    body: shares('Requests by status', counted),
  });
}
