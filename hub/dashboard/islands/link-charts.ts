// Samples of a server's line arrive; two charts leave, in the page's own colours, that grow with each new sample.

import uPlot from 'uplot';

import { delayText, rateText } from './amounts.ts';

export interface LinkSample {
  readonly at: string;
  readonly rtt_ms: number | null;
  readonly queue_ms: number | null;
  readonly bits_per_second_up: number;
  readonly bits_per_second_down: number;
}

/** Seconds since 1970, and a line for each series. */
type Columns = [number[], (number | null)[], (number | null)[]];

interface Kind {
  readonly names: readonly [string, string];
  readonly columnsOf: (samples: readonly LinkSample[]) => Columns;
  readonly words: (value: number) => string;
  /** The scale never shrinks below it: silence is a flat line at the bottom and no mountain range. */
  readonly least: number;
}

const kinds: Readonly<Record<string, Kind>> = {
  throughput: {
    names: ['To visitors', 'From visitors'],
    columnsOf: (samples) => [
      samples.map(seconds),
      samples.map((each) => each.bits_per_second_down),
      samples.map((each) => each.bits_per_second_up),
    ],
    words: rateText,
    least: 1e6,
  },
  delay: {
    names: ['Round trip', 'Queue'],
    columnsOf: (samples) => [
      samples.map(seconds),
      samples.map((each) => each.rtt_ms),
      samples.map((each) => each.queue_ms),
    ],
    words: delayText,
    least: 20,
  },
};

const chartHeight = 180;
/** In seconds: a server that came a minute ago would have the same minute at every mark. */
const leastSpan = 900;
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
/** A line is broken where three samples in a row are missing: the server was away. */
const missedSamples = 3;

export class LinkCharts {
  readonly #charts = new Map<HTMLElement, { chart: uPlot; kind: Kind }>();

  /** Elements with data-chart, named as above. */
  constructor(places: Iterable<HTMLElement>) {
    for (const place of places) {
      const kind = kinds[place.dataset['chart'] ?? ''];
      if (kind !== undefined) this.#charts.set(place, { chart: draw(place, kind), kind });
    }
    addEventListener('resize', () => this.#fit());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => location.reload());
  }

  show(samples: readonly LinkSample[], stepMs: number): void {
    const whole = withGaps(samples, stepMs);
    for (const [place, { chart, kind }] of this.#charts) {
      chart.setData(kind.columnsOf(whole));
      place.ariaLabel = wordsOf(kind, samples);
    }
  }

  #fit(): void {
    for (const [place, { chart }] of this.#charts)
      chart.setSize({ width: place.clientWidth, height: chartHeight });
  }
}

function draw(place: HTMLElement, kind: Kind): uPlot {
  const style = getComputedStyle(place);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour('ink-soft'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  const line = (name: string, at: number): uPlot.Series => ({
    label: name,
    stroke: colour(`series-${at + 1}`),
    width: 2,
    points: { show: false },
    spanGaps: false,
    ...(at === 0 && { fill: `${colour('series-1')}22` }),
  });
  const options: uPlot.Options = {
    width: place.clientWidth,
    height: chartHeight,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: {
      x: {
        range: (_, from, to) => (to === null ? [null, null] : [Math.min(from, to - leastSpan), to]),
      },
      y: { range: (_, __, most) => [0, Math.max(kind.least, (most ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, space: 70, values: (_, times) => times.map(clockText) },
      {
        ...axis,
        size: 84,
        values: (_, values) => values.map((value) => kind.words(value)),
      },
    ],
    series: [{}, ...kind.names.map(line)],
    hooks: { setCursor: [(chart) => readOut(chart, place, kind)] },
  };
  return new uPlot(options, [[], [], []], place);
}

/** What lies under the pointer, in words below the chart's name. */
function readOut(chart: uPlot, place: HTMLElement, kind: Kind): void {
  const said = place.closest('figure')?.querySelector('[data-readout]');
  if (said === null || said === undefined) return;
  const at = chart.cursor.idx;
  const [times = [], ...lines] = chart.data;
  const time = at === null || at === undefined ? undefined : times[at];
  if (at === null || at === undefined || time === undefined) {
    said.textContent = '';
    return;
  }
  const values = lines.map((line) => {
    const value = line[at];
    return value === null || value === undefined ? '–' : kind.words(value);
  });
  said.textContent = `${clockText(time)}: ${values.join(', ')}`;
}

function clockText(time: number): string {
  return clock.format(new Date(time * 1000));
}

function withGaps(samples: readonly LinkSample[], stepMs: number): LinkSample[] {
  return samples.flatMap((sample, at) => {
    const former = samples[at - 1];
    const missed = former !== undefined && ms(sample) - ms(former) > missedSamples * stepMs;
    if (!missed) return [sample];
    const nothing = { rtt_ms: null, queue_ms: null };
    const silent = { bits_per_second_up: 0, bits_per_second_down: 0 };
    const gap = { at: new Date(ms(former) + stepMs).toISOString(), ...nothing, ...silent };
    return [gap, sample];
  });
}

function ms({ at }: LinkSample): number {
  return new Date(at).getTime();
}

function seconds(sample: LinkSample): number {
  return ms(sample) / 1000;
}

function wordsOf(kind: Kind, samples: readonly LinkSample[]): string {
  const [, ...lines] = kind.columnsOf(samples);
  return kind.names
    .map((name, at) => {
      const values = (lines[at] ?? []).filter((value) => value !== null);
      if (values.length === 0) return `${name}: nothing measured`;
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return `${name}: ${kind.words(mean)} on average, at most ${kind.words(Math.max(...values))}`;
    })
    .join('. ');
}
