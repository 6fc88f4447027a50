// A year of a hub's orders arrives; a drawing leaves, in which a crowd on one day, or a gap, would be seen.

import { dayMs, type Year } from './year.ts';

const width = 1100;
const height = 300;
const margin = { left: 56, right: 16, top: 46, bottom: 34 };
const plotWidth = width - margin.left - margin.right;
const plotHeight = height - margin.top - margin.bottom;

/** From the bottom of each day's column to its top. */
const layers = [
  { key: 'replacement', colour: '#2f6f9f', title: 'renewal in the authority’s window (ARI)' },
  { key: 'renewal', colour: '#d08a2e', title: 'renewal outside of it' },
  { key: 'new', colour: '#5a9e5a', title: 'first certificate' },
  { key: 'second', colour: '#a05195', title: 'from the second authority' },
] as const;

type Layer = (typeof layers)[number]['key'];
type Day = Record<Layer, number>;

/** Orders of each day as one column, coloured by why they were made. */
export function drawYear(year: Year): string {
  const days = countDays(year);
  const most = Math.max(1, ...days.map(sumOf));
  const step = plotWidth / days.length;
  const y = (count: number): number => margin.top + plotHeight * (1 - count / most);
  const bars = days.flatMap((day, index) => {
    let below = 0;
    return layers.flatMap(({ key, colour }) => {
      const count = day[key];
      below += count;
      if (count === 0) return [];
      const x = margin.left + index * step;
      const size = `width="${round(step * 0.9)}" height="${round((plotHeight * count) / most)}"`;
      return [`<rect x="${round(x)}" y="${round(y(below))}" ${size} fill="${colour}"/>`];
    });
  });
  const parts = [
    outageOf(year, step),
    gridOf(most, y),
    bars.join(''),
    daysOf(year, step),
    legend(),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="#333">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="16" font-size="13">${year.scenario.title}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function countDays({ scenario, start, signed, bySecond }: Year): Day[] {
  const days = Array.from({ length: scenario.days }, () => ({
    replacement: 0,
    renewal: 0,
    new: 0,
    second: 0,
  }));
  const dayOf = (at: Date): Day | undefined =>
    days[Math.floor((at.getTime() - start.getTime()) / dayMs)];
  for (const { at, kind } of signed) {
    const day = dayOf(at);
    if (day !== undefined) day[kind] += 1;
  }
  for (const { at } of bySecond) {
    const day = dayOf(at);
    if (day !== undefined) day.second += 1;
  }
  return days;
}

function gridOf(most: number, y: (count: number) => number): string {
  const line = (count: number): string =>
    `<line x1="${margin.left}" x2="${width - margin.right}" y1="${round(y(count))}" y2="${round(y(count))}" stroke="#ddd"/>` +
    `<text x="${margin.left - 6}" y="${round(y(count) + 4)}" text-anchor="end">${count}</text>`;
  const counts = [0, Math.round(most / 2), most];
  const label = `<text x="12" y="${margin.top + plotHeight / 2}" transform="rotate(-90 12 ${margin.top + plotHeight / 2})" text-anchor="middle">orders a day</text>`;
  return counts.map(line).join('') + label;
}

function daysOf({ scenario }: Year, step: number): string {
  const marks = Array.from(
    { length: Math.floor(scenario.days / 30) + 1 },
    (_, index) => index * 30,
  );
  return marks
    .map((day) => {
      const x = round(margin.left + day * step);
      return `<text x="${x}" y="${height - 14}" text-anchor="middle">day ${day}</text>`;
    })
    .join('');
}

function outageOf({ scenario: { outage } }: Year, step: number): string {
  if (outage === undefined) return '';
  const x = round(margin.left + outage.fromDay * step);
  const box = `<rect x="${x}" y="${margin.top}" width="${round(outage.days * step)}" height="${plotHeight}" fill="#f3d6d6"/>`;
  return `${box}<text x="${x + 4}" y="${margin.top + 14}" fill="#a33">the authority is down</text>`;
}

function legend(): string {
  return layers
    .map(({ colour, title }, index) => {
      const x = margin.left + index * 262;
      return `<rect x="${x}" y="24" width="10" height="10" fill="${colour}"/><text x="${x + 14}" y="33">${title}</text>`;
    })
    .join('');
}

function sumOf(day: Day): number {
  return layers.reduce((sum, { key }) => sum + day[key], 0);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
