// Points of cost arrive; a picture leaves with both axes logarithmic, where linear growth is a line of 45 degrees, drawn beside it.

import { cpuOf, memoryOf, type CostPoint } from './cost.ts';
import { drawnText, page } from './drawing.ts';
import { numberText } from './report.ts';

interface Panel {
  readonly title: string;
  readonly of: (point: CostPoint) => number;
  readonly unit: string;
  readonly left: number;
}

const width = 920;
const plot = { width: 340, height: 260, top: 70 };
const bottom = plot.top + plot.height;

export function costChartOf(points: readonly CostPoint[]): string {
  const panels: Panel[] = [
    { title: 'Processor, hub and agent', of: (p) => cpuOf(p) * 100, unit: '%', left: 80 },
    { title: 'Memory, hub and agent', of: (p) => memoryOf(p) / 1e6, unit: 'MB', left: 540 },
  ];
  const heading = drawnText('Cost against load: so many streams play, and as many are idle', {
    x: 20,
    y: 28,
    isBold: true,
  });
  return page(width, bottom + 70, [heading, ...panels.map((panel) => drawPanel(panel, points))]);
}

function drawPanel({ title, of, unit, left }: Panel, all: readonly CostPoint[]): string {
  // A logarithm knows no zero: what was too little to be measured is left out.
  const points = all.filter((point) => of(point) > 0);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return '';
  const decades = Math.max(1, Math.log10(last.streams / first.streams));
  const perDecade = Math.min(plot.width, plot.height) / decades;
  // Linear growth through the last point: what lies above it on the left is a share that more streams have in common.
  const place = (streams: number, value: number): [number, number] => [
    left + Math.log10(streams / first.streams) * perDecade,
    bottom - (Math.log10(value / of(last)) + decades) * perDecade,
  ];
  const at = points.map((point) => place(point.streams, of(point)));
  const [from, to] = [
    place(first.streams, of(last) / 10 ** decades),
    place(last.streams, of(last)),
  ];
  return [
    drawnText(`${title}, ${unit}`, { x: left, y: plot.top - 20, isBold: true }),
    `<path d="M${left} ${plot.top}V${bottom}H${left + plot.width}" fill="none" stroke="#888"/>`,
    `<path d="M${from.map(rounded).join(' ')}L${to.map(rounded).join(' ')}" stroke="#e69f00" stroke-dasharray="6 4"/>`,
    `<path d="M${at.map((point) => point.map(rounded).join(' ')).join('L')}" fill="none" stroke="#0072b2" stroke-width="2"/>`,
    ...points.map((point, index) =>
      drawPoint(point, at[index] ?? [0, 0], `${numberText(of(point))} ${unit}`),
    ),
    drawnText('streams; dashed: linear', { x: left, y: bottom + 40 }),
  ].join('\n');
}

function drawPoint({ streams }: CostPoint, [x, y]: [number, number], value: string): string {
  return [
    `<circle cx="${rounded(x)}" cy="${rounded(y)}" r="4" fill="#0072b2"/>`,
    drawnText(value, { x: x + 8, y: y - 8 }),
    drawnText(String(streams), { x: x - 4, y: bottom + 18 }),
  ].join('');
}

function rounded(value: number): string {
  return value.toFixed(1);
}
