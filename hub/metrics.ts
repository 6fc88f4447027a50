// The rooms of a running hub arrive; what monitoring may know of them leaves, on HUB_METRICS_LISTEN.

import type { Logger } from '../shared/log.ts';
import { version } from '../shared/version.ts';
import type { HubConfig } from './config.ts';
import type { ResponderCounts } from './certificates/dns/responder/thread-words.ts';
import type { Doors } from './doors.ts';
import { listenFailure, listenText } from './listen-failure.ts';
import type { Opened } from './opened.ts';
import type { Overload } from './overload.ts';
import type { Counters } from './telemetry/counters.ts';
import { EventLoopDelay } from './telemetry/event-loop-delay.ts';
import { Gauge, type Metric } from './telemetry/metric.ts';
import { MetricsListener } from './telemetry/metrics-listener.ts';
import { trafficMetrics } from './telemetry/traffic-metrics.ts';
import type { Observatory } from './usage/observatory.ts';

export interface Measured {
  readonly counters: Counters;
  readonly traffic: Observatory;
  readonly audited: { readonly metrics: readonly Metric[] };
  readonly people: { readonly metrics: readonly Metric[] };
  /** Of the API. */
  readonly asked: { readonly metrics: readonly Metric[] };
  readonly notified: { readonly metrics: readonly Metric[] };
  readonly overload: Overload;
  readonly doors: Doors;
  /** Of certificates. */
  readonly certified: readonly Metric[];
  /** Undefined where the hub answers no DNS questions. */
  readonly responder: { readonly counts: ResponderCounts } | undefined;
}

/** A port that somebody has keeps no hub from serving films: most likely it is a former hub's, which drains. */
export async function openMetrics(
  config: HubConfig,
  measured: Measured,
  { log, opened }: { log: Logger; opened: Opened },
): Promise<void> {
  const { metricsListen } = config;
  if (metricsListen === undefined) return;
  const delay = new EventLoopDelay();
  opened.add(() => delay.stop());
  const listener = new MetricsListener({
    address: listenText(metricsListen),
    metrics: [
      ...measured.counters.metrics,
      ...trafficMetrics(measured.traffic),
      ...measured.audited.metrics,
      ...measured.people.metrics,
      ...measured.asked.metrics,
      ...measured.notified.metrics,
      ...gauges(config, measured, delay),
      ...measured.certified,
      ...dnsTotals(measured),
    ],
    onListening: (metrics) => log.info({ metrics }, 'metrics are served'),
    onFailure: (error) =>
      log.info(
        { err: listenFailure(error, 'HUB_METRICS_LISTEN', metricsListen) },
        'metrics are served as soon as their port is free',
      ),
  });
  opened.add(() => listener.stop());
  await listener.start();
}

function gauges(
  { memoryLimitBytes }: HubConfig,
  { overload, doors }: Measured,
  delay: EventLoopDelay,
): readonly Metric[] {
  return [
    new Gauge('phlix_hub_info', 'What runs.', () => [{ labels: { version }, value: 1 }]),
    new Gauge('phlix_hub_links', 'Connections of agents.', () => doors.linkCount),
    new Gauge('phlix_hub_streams', 'Exchanges in them.', () => doors.streamCount),
    new Gauge('phlix_hub_resident_memory_bytes', 'Memory of this process.', () =>
      process.memoryUsage.rss(),
    ),
    new Gauge('phlix_hub_memory_limit_bytes', 'HUB_LIMIT_MEMORY.', () => memoryLimitBytes),
    new Gauge('phlix_hub_shedding', '1 while new requests are refused for memory.', () =>
      Number(overload.sheds),
    ),
    new Gauge(
      'phlix_hub_event_loop_delay_seconds',
      'How late the process was, in the last 15 seconds.',
      () => delay.samples(),
    ),
  ];
}

function dnsTotals({ responder }: Measured): readonly Metric[] {
  if (responder === undefined) return [];
  const total = (name: keyof ResponderCounts, help: string): Metric => ({
    name: `phlix_hub_dns_${name}_total`,
    help,
    type: 'counter',
    samples: () => [{ value: responder.counts[name] }],
  });
  return [
    total('asked', 'DNS messages that the responder read.'),
    total('answered', 'Of these, those that got an answer.'),
    total('limited', 'DNS messages beyond the rate of their network.'),
  ];
}
