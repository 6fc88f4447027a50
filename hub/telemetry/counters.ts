// What happens in a hub is counted here; the counts leave for the log and for monitoring. They only ever go up, from the start of the process.

import { total, type Metric } from '../../shared/telemetry/metric.ts';

class Counter {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  increment(): void {
    this.#value += 1;
  }
}

/** Why a response that broke off was not taken up again. */
const resumeFailures = [
  'not-partial',
  'validator',
  'range',
  'representation',
  'timeout',
  'no-progress',
  'broken',
  'server-gone',
  'hub-draining',
  'visitor-left',
] as const;

/** What a response carried that reached beyond its own host (security row A-20). */
const curbedFields = [
  'alternative-service',
  'clear-site-data',
  'cookie-domain',
  'cookie-name',
  'key-pins',
  'network-reports',
  'service-worker-scope',
  'transport-security',
] as const;

export class Counters {
  /** Exchanges that broke off and may go on: each ends as one of the other three. */
  readonly resumesStarted = new Counter();
  readonly resumesSucceeded = new Counter();
  readonly resumesFailed = countersFor(resumeFailures);
  /** Nothing of a response had reached the visitor: the request itself was sent again. */
  readonly requestsReplayed = new Counter();

  /** Kept back by the deny-list of a product. */
  readonly requestsDenied = new Counter();
  readonly fieldsCurbed = countersFor(curbedFields);

  /** The counts now, for the log. */
  get counted() {
    return {
      resumesStarted: this.resumesStarted.value,
      resumesSucceeded: this.resumesSucceeded.value,
      resumesFailed: valuesOf(this.resumesFailed),
      requestsReplayed: this.requestsReplayed.value,
      requestsDenied: this.requestsDenied.value,
      fieldsCurbed: valuesOf(this.fieldsCurbed),
    };
  }

  get metrics(): readonly Metric[] {
    return [
      one('resumes_started', 'Responses that broke off and may go on.', this.resumesStarted),
      one('resumes_succeeded', 'Of these, those that went on.', this.resumesSucceeded),
      many('resumes_failed', 'Of these, those that did not.', 'reason', this.resumesFailed),
      one('requests_replayed', 'Requests sent to a server again.', this.requestsReplayed),
      one('requests_denied', 'Requests kept back by a deny-list.', this.requestsDenied),
      many('fields_curbed', 'What reached beyond its host.', 'field', this.fieldsCurbed),
    ];
  }
}

function one(name: string, help: string, counter: Counter): Metric {
  return total({ name: `phlix_hub_${name}_total`, help, read: () => counter.value });
}

function many(
  name: string,
  help: string,
  label: string,
  counters: Readonly<Record<string, Counter>>,
): Metric {
  return total({
    name: `phlix_hub_${name}_total`,
    help,
    labels: [label],
    read: () =>
      Object.entries(counters).map(([key, { value }]) => ({ labels: { [label]: key }, value })),
  });
}

function countersFor<Name extends string>(names: readonly Name[]): Readonly<Record<Name, Counter>> {
  const counters = names.map((name) => [name, new Counter()]);
  return Object.fromEntries(counters) as Record<Name, Counter>;
}

function valuesOf<Name extends string>(
  counters: Readonly<Record<Name, Counter>>,
): Record<Name, number> {
  const values = Object.entries<Counter>(counters).map(([name, { value }]) => [name, value]);
  return Object.fromEntries(values) as Record<Name, number>;
}
