// What was counted and measured arrives; the text leaves that Prometheus reads (exposition format 0.0.4).

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  /** `phlix_hub_links`; of a counter with `_total` at its end. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  /** Now. */
  samples(): readonly Sample[];
}

/** What goes up and down, read when somebody asks: a number, or one for each set of labels. */
export class Gauge implements Metric {
  readonly type = 'gauge';
  readonly name: string;
  readonly help: string;
  readonly #read: () => number | readonly Sample[];

  constructor(name: string, help: string, read: () => number | readonly Sample[]) {
    this.name = name;
    this.help = help;
    this.#read = read;
  }

  samples(): readonly Sample[] {
    const read = this.#read();
    return typeof read === 'number' ? [{ value: read }] : read;
  }
}

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

export function exposition(metrics: Iterable<Metric>): string {
  return [...metrics].map(linesOf).join('');
}

function linesOf(metric: Metric): string {
  const { name, help, type } = metric;
  const samples = metric.samples().map(({ labels, value }) => `${name}${text(labels)} ${value}\n`);
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${samples.join('')}`;
}

function text(labels: Sample['labels'] = {}): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
