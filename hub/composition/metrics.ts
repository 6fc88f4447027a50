// The rooms of a running hub arrive; what monitoring may know of them leaves, on HUB_METRICS_LISTEN.

import { statfs } from 'node:fs/promises';

import { listenText } from '../../shared/listen-address.ts';
import type { Logger } from '../../shared/log.ts';
import { EventLoopDelay } from '../../shared/telemetry/event-loop-delay.ts';
import { gauge, total, type Metric } from '../../shared/telemetry/metric.ts';
import { MetricsListener } from '../../shared/telemetry/metrics-listener.ts';
import { processMetrics } from '../../shared/telemetry/process-metrics.ts';
import { version } from '../../shared/version.ts';
import { lastBackup, lastGoodBackup } from '../backup/backup-state.ts';
import type { ResponderCounts } from '../certificates/dns/responder/thread-words.ts';
import type { HubConfig } from '../config.ts';
import type { Doors } from '../doors/doors.ts';
import { listenFailure } from '../doors/listen-failure.ts';
import type { Opened } from './opened.ts';
import type { Overload } from './overload.ts';
import type { Readiness } from './readiness.ts';
import { backupMetrics } from '../telemetry/backup-metrics.ts';
import type { Counters } from '../telemetry/counters.ts';
import { queueMetrics, waitMetrics } from '../telemetry/link-metrics.ts';
import { serverMetrics } from '../telemetry/server-metrics.ts';
import { firstByteHistogram, trafficMetrics } from '../telemetry/traffic-metrics.ts';
import type { Tunnels } from '../tunnels/registry.ts';
import type { Observatory } from '../usage/observatory.ts';
import type { VitalSigns } from './vital-signs.ts';

export interface Measured {
  readonly vitals: VitalSigns;
  readonly counters: Counters;
  readonly traffic: Observatory;
  readonly tunnels: Tunnels;
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
  const { vitals } = measured;
  const listener = new MetricsListener({
    address: listenText(metricsListen),
    metrics: allMetrics(config, measured, delay),
    health: {
      '/healthz': async () => ({ status: 200, body: { alive: true } }),
      '/readyz': async () => vitals.readiness.answer(),
    },
    onListening: (metrics) => log.info({ metrics }, 'metrics are served'),
    onFailure: (error) =>
      log.info(
        { err: listenFailure(error, 'HUB_METRICS_LISTEN', metricsListen) },
        'metrics are served as soon as their port is free',
      ),
    onBroken: (error) => log.warn({ err: error }, 'metrics could not be read'),
  });
  await vitals.serve(listener);
}

function allMetrics(
  config: HubConfig,
  measured: Measured,
  delay: EventLoopDelay,
): readonly Metric[] {
  const { vitals, traffic, tunnels, doors } = measured;
  const { counts } = traffic.ledger;
  const firstBytes = firstByteHistogram();
  counts.onFirstByte = (seconds) => firstBytes.observe(seconds);
  return [
    ...measured.counters.metrics,
    ...trafficMetrics(traffic),
    firstBytes,
    ...waitMetrics({
      visitor: counts.viewerStalls,
      limit: counts.rateStalls,
      sent: vitals.stalls,
    }),
    ...queueMetrics(() => doors.queued),
    ...vitals.links.metrics,
    ...serverMetrics(
      () => tunnels.census(),
      () => traffic.ledger.totalsByServer().keys(),
    ),
    ...measured.audited.metrics,
    ...measured.people.metrics,
    ...measured.asked.metrics,
    ...measured.notified.metrics,
    ...gauges(measured, delay),
    ...memoryMetrics(config, measured),
    ...readinessMetrics(vitals.readiness),
    ...diskMetrics(config),
    ...backupMetrics({
      lastGood: async () => lastGoodBackup(config.dataDir),
      last: async () => lastBackup(config.dataDir),
    }),
    ...measured.certified,
    ...dnsTotals(measured),
    ...processMetrics(),
  ];
}

function gauges({ doors }: Measured, delay: EventLoopDelay): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_hub_info',
      help: 'What runs.',
      labels: ['version'],
      read: () => [{ labels: { version }, value: 1 }],
    }),
    gauge({
      name: 'phlix_hub_links',
      help: 'Connections of agents.',
      read: () => doors.linkCount,
    }),
    gauge({
      name: 'phlix_hub_streams',
      help: 'Exchanges in them.',
      read: () => doors.streamCount,
    }),
    gauge({
      name: 'phlix_hub_event_loop_delay_seconds',
      help: 'How late the process was, in the last 15 seconds.',
      labels: ['percentile'],
      read: () => delay.samples(),
    }),
  ];
}

function memoryMetrics({ memoryLimitBytes }: HubConfig, { overload }: Measured): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_hub_resident_memory_bytes',
      help: 'Memory of this process.',
      read: () => process.memoryUsage.rss(),
    }),
    gauge({
      name: 'phlix_hub_memory_limit_bytes',
      help: 'HUB_LIMIT_MEMORY.',
      read: () => memoryLimitBytes,
    }),
    gauge({
      name: 'phlix_hub_shedding',
      help: '1 while new requests are refused for memory.',
      read: () => Number(overload.sheds),
    }),
  ];
}

function readinessMetrics(readiness: Readiness): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_hub_ready',
      help: '1 for each part that the hub cannot serve without, while it can.',
      labels: ['part'],
      read: async () =>
        Object.entries(await readiness.report()).map(([part, { ready }]) => ({
          labels: { part },
          value: Number(ready),
        })),
    }),
  ];
}

/** Where the data folder lies; of a folder that cannot be looked at nothing is told. */
function diskMetrics({ dataDir }: HubConfig): readonly Metric[] {
  const disk = async (figure: 'bavail' | 'blocks'): Promise<number | undefined> => {
    try {
      const found = await statfs(dataDir);
      return found[figure] * found.bsize;
    } catch {
      return undefined;
    }
  };
  return [
    gauge({
      name: 'phlix_hub_disk_free_bytes',
      help: 'Room that is left where HUB_DATA_DIR lies.',
      read: () => disk('bavail'),
    }),
    gauge({
      name: 'phlix_hub_disk_size_bytes',
      help: 'All room there.',
      read: () => disk('blocks'),
    }),
  ];
}

function dnsTotals({ responder }: Measured): readonly Metric[] {
  if (responder === undefined) return [];
  const dns = (name: keyof ResponderCounts, help: string): Metric =>
    total({ name: `phlix_hub_dns_${name}_total`, help, read: () => responder.counts[name] });
  return [
    dns('asked', 'DNS messages that the responder read.'),
    dns('answered', 'Of these, those that got an answer.'),
    dns('limited', 'DNS messages beyond the rate of their network.'),
  ];
}
