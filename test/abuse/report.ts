// What was lived through arrives; a table leaves, and the sentences about what may not be.

import type { Ends } from './attacks/attack.ts';
import type { SignIns } from './sign-in/regular.ts';
import type { HubFigures, ViewerFigures } from './watched-hub.ts';

export interface Ordeal {
  readonly name: string;
  readonly ends: Ends;
  readonly hub: HubFigures;
  readonly viewer: ViewerFigures;
  /** Of somebody whose browser the hub knows, where somebody signed in. */
  readonly signIns?: SignIns;
}

const columns: readonly (readonly [
  title: string,
  of: (ordeal: Ordeal) => string | number | undefined,
])[] = [
  ['stalls', ({ viewer }) => viewer.stalls],
  ['worst gap ms', ({ viewer }) => viewer.worstGapMs],
  ['frozen s', ({ viewer }) => viewer.frozenSeconds],
  [
    'newcomers',
    ({ viewer }) => `${viewer.newcomers}/${viewer.newcomers + viewer.newcomersRefused}`,
  ],
  ['slowest ms', ({ viewer }) => viewer.newcomerWorstMs],
  ['loop p99 ms', ({ hub }) => hub.loopP99Ms],
  ['worst ms', ({ hub }) => hub.loopWorstMs],
  ['MB before', ({ hub }) => hub.beforeMb],
  ['peak', ({ hub }) => hub.peakMb],
  ['after', ({ hub }) => hub.afterMb],
  ['held', ({ hub }) => hub.heldMb],
  ['fds', ({ hub }) => hub.descriptors],
  [
    'sign-ins',
    ({ signIns }) => signIns && `${signIns.done}/${signIns.done + signIns.refused.length}`,
  ],
  ['median ms', ({ signIns }) => signIns?.medianMs],
  ['slowest sign-in', ({ signIns }) => signIns?.worstMs],
];

export function tableOf(ordeals: readonly Ordeal[]): string {
  const rows = [
    ['attack', ...columns.map(([title]) => title)],
    ...ordeals.map((ordeal) => [
      ordeal.name,
      ...columns.map(([, of]) => String(of(ordeal) ?? '-')),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0)))
      .join('  ');
  return rows.map(line).join('\n');
}

/** Room for what one attack's connections may hold by their limits; a flood that is kept in memory passes it within seconds. */
const mostMoreMb = 300;
/** What is in use at the end, beyond the beginning: buffers and caches that were filled once. */
const mostHeldMb = 100;
/** Idle streams of the pool and the last of the attackers' sockets. */
const sparedDescriptors = 40;

/** Stalls are printed, not judged: other work on the machine makes them too. A picture that stands still is judged. */
export function complaintsOf(
  ordeals: readonly Ordeal[],
  films: readonly { name: string; isExact: boolean; isCut: boolean }[],
  { quietDescriptors, endDescriptors }: { quietDescriptors: number; endDescriptors: number },
): string[] {
  const complaints: string[] = [];
  for (const { name, isExact, isCut } of films) {
    if (!isExact) complaints.push(`the film over ${name} had wrong bytes`);
    if (isCut) complaints.push(`the film over ${name} was cut`);
  }
  for (const { name, hub, viewer } of ordeals) {
    if (viewer.frozenSeconds > 0)
      complaints.push(`${name}: the picture stood still for ${viewer.frozenSeconds} s`);
    const more = hub.peakMb - hub.beforeMb;
    if (more > mostMoreMb) complaints.push(`${name}: the hub took ${more} MB more`);
  }
  const held = (ordeals.at(-1)?.hub.heldMb ?? 0) - (ordeals[0]?.hub.heldMb ?? 0);
  if (held > mostHeldMb) complaints.push(`${held} MB were not given back`);
  if (endDescriptors > quietDescriptors + sparedDescriptors)
    complaints.push(`${endDescriptors - quietDescriptors} descriptors were not given back`);
  return complaints;
}
