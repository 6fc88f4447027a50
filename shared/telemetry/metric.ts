// A name, a sentence and who knows the figures arrive; a metric of prom-client leaves that belongs to no registry yet, and asks only when monitoring does.

import { Counter, Gauge, Histogram, Registry, type Metric } from 'prom-client';

export type { Counter, Histogram, Metric };

/** One figure, and what tells it from the others of its metric. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A number, or one for each set of labels; what is not known now is left out. */
type Reading = number | undefined | readonly Sample[];

interface Pulled {
  /** In base units: `phlix_hub_links`, `phlix_agent_round_trip_seconds`; of a counter with `_total` at its end. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Now. */
  readonly read: () => Reading | Promise<Reading>;
}

/** What goes up and down. */
export function gauge({ name, help, labels = [], read }: Pulled): Metric {
  return new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [],
    async collect() {
      const samples = samplesOf(await read());
      // Without a pause from here on: two who ask at once must not find each other's half.
      this.reset();
      if (labels.length === 0) this.remove();
      for (const { labels: held = {}, value } of samples) this.set(held, value);
    },
  });
}

/** What only goes up, and is counted elsewhere. */
export function total({ name, help, labels = [], read }: Pulled): Metric {
  return new Counter({
    name,
    help,
    labelNames: labels,
    registers: [],
    async collect() {
      const samples = samplesOf(await read());
      this.reset();
      if (labels.length === 0) this.remove();
      for (const { labels: held = {}, value } of samples) this.inc(held, value);
    },
  });
}

/**
 * What only goes up, and is counted here. Labels are words of the program's own, never of a stranger's: there are few of them.
 * Sets of them that are known stand in `known`, and are there at 0: what begins with its first event has not grown by it.
 */
export function counter<Label extends string = never>(
  name: string,
  help: string,
  labels: readonly Label[] = [],
  known: readonly Readonly<Record<Label, string>>[] = [],
): Counter<Label> {
  const made = new Counter({ name, help, labelNames: labels, registers: [] });
  for (const held of known) made.inc(held, 0);
  return made;
}

/** A counter by one label, whose words are all known. */
export interface WordCounter<Word extends string> {
  readonly metric: Metric;
  count(word: Word): void;
}

export function wordCounter<const Word extends string>(
  name: string,
  help: string,
  label: string,
  words: readonly Word[],
): WordCounter<Word> {
  const known = words.map((word) => ({ [label]: word }));
  const metric = counter(name, help, [label], known);
  return { metric, count: (word) => metric.inc({ [label]: word }) };
}

export function histogram(name: string, help: string, buckets: readonly number[]): Histogram {
  return new Histogram({ name, help, buckets: [...buckets], registers: [] });
}

/** @throws Error when two of them have one name */
export function registryOf(metrics: Iterable<Metric>): Registry {
  const registry = new Registry();
  for (const metric of metrics) registry.registerMetric(metric);
  return registry;
}

function samplesOf(reading: Reading): readonly Sample[] {
  if (reading === undefined) return [];
  return typeof reading === 'number' ? [{ value: reading }] : reading;
}
