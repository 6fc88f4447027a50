// A filled sheet arrives; a picture of its medians leaves, as SVG that shows in light and dark pages alike.

import { contenderNames, contenderTitles } from './contender.ts';
import { drawnText, page } from './drawing.ts';
import type { Figure, Sheet } from './figures.ts';
import { numberText } from './report.ts';

interface Panel {
  readonly title: string;
  readonly better: 'longer' | 'shorter';
  readonly figures: readonly Figure[];
}

const width = 920;
const margin = 20;
const labelWidth = 220;
const valueWidth = 70;
const barHeight = 14;
const groupGap = 12;
const panelGap = 34;
const legendHeight = 56;
const groupHeight = contenderNames.length * (barHeight + 2) + groupGap;
/** Told apart by people who see no red or green, too (Okabe and Ito). */
const colours = { nginx: '#999999', ssh: '#e69f00', hub: '#0072b2' };

export function chartOf(figures: readonly Figure[], sheet: Sheet): string {
  const panels = panelsOf(figures.filter(({ id }) => sheet.median('hub', id) !== undefined));
  let top = legendHeight;
  const drawn = panels.map((panel) => {
    const picture = drawPanel(panel, sheet, top);
    top += panelGap + panel.figures.length * groupHeight;
    return picture;
  });
  return page(width, top + margin, [legend(), ...drawn]);
}

function panelsOf(figures: readonly Figure[]): Panel[] {
  const among = (pattern: RegExp): Figure[] => figures.filter(({ id }) => pattern.test(id));
  const panels: Panel[] = [
    { title: 'Throughput, MB/s', better: 'longer', figures: among(/^(throughput|upload)\.\d+$/) },
    { title: 'Requests per second', better: 'longer', figures: among(/^requests\.(h2\.)?\d+$/) },
    { title: 'WebSocket messages per second', better: 'longer', figures: among(/^messages\.\d+$/) },
    { title: 'Processor time, s/GB', better: 'shorter', figures: among(/^(cpu|upload\.\d+\.cpu)/) },
    {
      title: 'Small requests beside eight downloads',
      better: 'shorter',
      figures: among(/^load.*p50$/),
    },
  ];
  return panels.filter(({ figures }) => figures.length > 0);
}

function legend(): string {
  return contenderNames
    .map((name, index) => {
      const x = margin + index * 150;
      const swatch = `<rect x="${x}" y="${margin}" width="12" height="12" fill="${colours[name]}"/>`;
      return `${swatch}${drawnText(contenderTitles[name], { x: x + 18, y: margin + 11 })}`;
    })
    .join('');
}

function drawPanel({ title, better, figures }: Panel, sheet: Sheet, top: number): string {
  const heading = drawnText(`${title} (${better} is better)`, {
    x: margin,
    y: top + 14,
    isBold: true,
  });
  const groups = figures.map((figure, index) =>
    drawGroup(figure, sheet, top + 26 + index * groupHeight),
  );
  return [heading, ...groups].join('\n');
}

/** Each figure has a scale of its own: one stream beside sixteen would leave nothing to see of one. */
function drawGroup({ id, title, unit }: Figure, sheet: Sheet, top: number): string {
  const values = contenderNames.map((name) => sheet.median(name, id) ?? 0);
  const scale = (width - 2 * margin - labelWidth - valueWidth) / Math.max(...values);
  const label = title.replace(
    /^(small beside bulk|requests|processor|WebSocket messages), |: p50$/g,
    '',
  );
  const bars = contenderNames.map((name, index) => {
    const y = top + index * (barHeight + 2);
    const length = Math.max(1, (values[index] ?? 0) * scale);
    const x = margin + labelWidth;
    const bar = `<rect x="${x}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" fill="${colours[name]}"/>`;
    const value = `${numberText(values[index])} ${unit}`;
    return `${bar}${drawnText(value, { x: x + length + 6, y: y + 11 })}`;
  });
  return [drawnText(label, { x: margin, y: top + 2 * barHeight }), ...bars].join('');
}
