// A filled sheet arrives; a table for people leaves, and an object for programs.

import { contenderNames, contenderTitles, type ContenderName } from './contender.ts';
import type { Figure, Sheet, Wanted } from './figures.ts';

export function tableOf(figures: readonly Figure[], sheet: Sheet): string {
  const columns = contenderNames.map((name) => contenderTitles[name]);
  const rows = figures
    .filter((figure) => isWorthALine(figure, sheet))
    .map((figure) => [
      `${figure.title}${figure.unit === '' ? '' : `, ${figure.unit}`}`,
      ...contenderNames.map((name) => numberText(sheet.median(name, figure.id))),
      ratioText(sheet.ratio(figure.id, 'ssh')),
      ratioText(sheet.ratio(figure.id, 'nginx')),
      wantedText(figure.wanted),
    ]);
  return aligned([['', ...columns, 'to ssh', 'to nginx', 'to reach'], ...rows]);
}

/** Which program the processor time went to. */
export function cpuTableOf(figures: readonly Figure[], sheet: Sheet): string {
  const rows = figures.flatMap(({ id, title, unit }) =>
    contenderNames.flatMap((name) => {
      const parts = sheet.parts(name, id).map(([part, used]) => `${part} ${numberText(used)}`);
      return parts.length === 0
        ? []
        : [[`${title}, ${unit}`, contenderTitles[name], parts.join(' + ')]];
    }),
  );
  return aligned(rows, 'left');
}

export function jsonOf(figures: readonly Figure[], sheet: Sheet): object[] {
  return figures.map(({ id, title, unit, wanted }) => ({
    id,
    title: title.trim(),
    unit,
    ...Object.fromEntries(contenderNames.map((name) => [name, describe(sheet, name, id)])),
    to_ssh: rounded(sheet.ratio(id, 'ssh')),
    to_nginx: rounded(sheet.ratio(id, 'nginx')),
    ...(wanted === undefined ? {} : { to_reach: wantedText(wanted) }),
  }));
}

function describe(sheet: Sheet, name: ContenderName, id: string): object | null {
  const median = rounded(sheet.median(name, id));
  if (median === null) return null;
  const samples = sheet.samples(name, id).map(rounded);
  const parts = sheet.parts(name, id).map(([part, value]) => [part, rounded(value)]);
  return { median, samples, ...(parts.length === 0 ? {} : { parts: Object.fromEntries(parts) }) };
}

function isWorthALine({ id, isOnlyTrouble }: Figure, sheet: Sheet): boolean {
  const medians = contenderNames.map((name) => sheet.median(name, id));
  return medians.some((value) => value !== undefined && (value > 0 || isOnlyTrouble !== true));
}

function wantedText(wanted: Wanted | undefined): string {
  if (wanted === undefined) return '';
  if ('timesSsh' in wanted) return `>= ${wanted.timesSsh}x ssh`;
  return 'atLeast' in wanted ? `>= ${wanted.atLeast}` : `<= ${wanted.atMost}`;
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? '' : `${ratio.toFixed(2)}x`;
}

/** Three figures that mean something: more would pretend to a precision that no shared machine has. */
export function numberText(value: number | undefined): string {
  if (value === undefined) return '-';
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(value < 0.1 ? 2 : 3);
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(4));
}

function aligned(rows: readonly (readonly string[])[], others: 'left' | 'right' = 'right'): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column === 0 || others === 'left' ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) => `  ${row.map(pad).join('  ').trimEnd()}\n`).join('');
}
