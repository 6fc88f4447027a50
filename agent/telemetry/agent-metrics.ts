// A running agent arrives; what monitoring may know of it leaves, on PHLIX_METRICS_LISTEN. Loaded only where that is set.

import type { Logger } from '../../shared/log.ts';
import { EventLoopDelay } from '../../shared/telemetry/event-loop-delay.ts';
import {
  gauge,
  histogram,
  total,
  type Metric,
  type Sample,
} from '../../shared/telemetry/metric.ts';
import { MetricsListener } from '../../shared/telemetry/metrics-listener.ts';
import { processMetrics } from '../../shared/telemetry/process-metrics.ts';
import type { Session } from '../../shared/mux/session.ts';
import type { AgentStatus } from '../status.ts';
import type { AgentCounts } from './agent-counts.ts';

export interface MeasuredAgent {
  readonly counts: AgentCounts;
  readonly status: () => AgentStatus;
  /** Of its links. */
  readonly sessions: () => readonly Pick<Session, 'inFlightBytes' | 'queueMs' | 'streams'>[];
}

/** Until it is called. A port that somebody has keeps no agent from its work: most likely it is a former agent's, which drains. */
export async function openMetrics(
  address: string,
  agent: MeasuredAgent,
  log: Logger,
): Promise<() => void> {
  const delay = new EventLoopDelay();
  const listener = new MetricsListener({
    address,
    metrics: [
      ...stateMetrics(agent),
      ...trafficMetrics(agent.counts),
      ...linkMetrics(agent),
      gauge({
        name: 'phlix_agent_event_loop_delay_seconds',
        help: 'How late the process was, in the last 15 seconds.',
        labels: ['percentile'],
        read: () => delay.samples(),
      }),
      ...processMetrics(),
    ],
    onListening: (metrics) => log.info({ metrics }, 'metrics are served'),
    onFailure: (error) =>
      log.warn(
        { err: error, address, remedy: 'free the port, or give PHLIX_METRICS_LISTEN another one' },
        'metrics are served as soon as their port is free',
      ),
    onBroken: (error) => log.warn({ err: error }, 'metrics could not be read'),
  });
  await listener.start();
  return () => {
    listener.stop();
    delay.stop();
  };
}

function stateMetrics(agent: MeasuredAgent): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_agent_info',
      help: 'What runs.',
      labels: ['version'],
      read: () => [{ labels: { version: agent.status().version }, value: 1 }],
    }),
    gauge({
      name: 'phlix_agent_connected',
      help: '1 while there is a link to the hub.',
      read: () => Number(agent.status().state === 'connected'),
    }),
    gauge({
      name: 'phlix_agent_origin_up',
      help: '1 while the media server takes connections, 0 while it does not; nothing until it was tried.',
      read: () => {
        const { state } = agent.status().origin;
        return state === 'untried' ? undefined : Number(state === 'answering');
      },
    }),
    total({
      name: 'phlix_agent_origin_failures_total',
      help: 'Connections to the media server that failed, by reason.',
      labels: ['reason'],
      read: () => labelled('reason', agent.counts.originFailures),
    }),
  ];
}

/** A media server on the same machine answers sooner than one that has to wake its disks. */
const firstByteBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

function trafficMetrics(counts: AgentCounts): readonly Metric[] {
  const firstBytes = histogram(
    'phlix_agent_time_to_first_byte_seconds',
    "From the beginning of a stream to the media server's first byte on it.",
    firstByteBuckets,
  );
  counts.onFirstByte = (seconds) => firstBytes.observe(seconds);
  return [
    total({
      name: 'phlix_agent_bytes_total',
      help: 'Bytes, with their heads, by direction: up is what visitors send.',
      labels: ['direction'],
      read: () => [
        { labels: { direction: 'up' }, value: counts.bytesUp },
        { labels: { direction: 'down' }, value: counts.bytesDown },
      ],
    }),
    total({
      name: 'phlix_agent_streams_total',
      help: 'Streams that the hub opened.',
      read: () => counts.streams,
    }),
    firstBytes,
  ];
}

function linkMetrics({ counts, status, sessions }: MeasuredAgent): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_agent_links',
      help: 'Connections to the hub that stand.',
      read: () => sessions().length,
    }),
    gauge({
      name: 'phlix_agent_streams',
      help: 'Streams in them.',
      read: () => status().streams,
    }),
    gauge({
      name: 'phlix_agent_round_trip_seconds',
      help: 'To the hub and back, by the last ping; the shortest of all links.',
      read: () => inSeconds(status().roundTripMs),
    }),
    gauge({
      name: 'phlix_agent_line_queue_seconds',
      help: 'How long what is sent now waits on the line; the longest of all links.',
      read: () => inSeconds(longest(sessions().map(({ queueMs }) => queueMs))),
    }),
    total({
      name: 'phlix_agent_links_opened_total',
      help: 'Connections to the hub that began.',
      read: () => counts.linksOpened,
    }),
    total({
      name: 'phlix_agent_reconnects_total',
      help: 'How often there was no connection, and then one again.',
      read: () => counts.reconnects,
    }),
    total({
      name: 'phlix_agent_link_failures_total',
      help: 'Attempts that failed and connections that were lost, by error code.',
      labels: ['code'],
      read: () => labelled('code', counts.linkFailures),
    }),
    ...waitMetrics(counts, sessions),
  ];
}

function waitMetrics(
  { stalls: { line, credit } }: AgentCounts,
  sessions: MeasuredAgent['sessions'],
): readonly Metric[] {
  // Credit is the hub's: it gives none while the visitor takes no more, or a rate holds his bytes.
  const causes = Object.entries({ line, visitor: credit });
  return [
    gauge({
      name: 'phlix_agent_queue_bytes',
      help: 'Bytes that wait in the agent: to be sent to the hub, on their way to it, and for the media server to take them.',
      labels: ['place'],
      read: () => queued(sessions()),
    }),
    total({
      name: 'phlix_agent_stalls_total',
      help: 'How often bytes for the hub had to wait, by what for.',
      labels: ['cause'],
      read: () => causes.map(([cause, { count }]) => ({ labels: { cause }, value: count })),
    }),
    total({
      name: 'phlix_agent_stalled_seconds_total',
      help: 'How long they waited, added up over all that waited.',
      labels: ['cause'],
      read: () =>
        causes.map(([cause, stalls]) => ({
          labels: { cause },
          value: stalls.seconds(performance.now()),
        })),
    }),
  ];
}

function queued(sessions: ReturnType<MeasuredAgent['sessions']>): Sample[] {
  const places = { unsent: 0, 'in-flight': 0, unread: 0 };
  for (const { inFlightBytes, streams } of sessions) {
    places['in-flight'] += inFlightBytes;
    for (const { unsentBytes, unreadBytes } of streams) {
      places.unsent += unsentBytes;
      places.unread += unreadBytes;
    }
  }
  return labelled('place', new Map(Object.entries(places)));
}

function labelled(label: string, counts: ReadonlyMap<string, number>): Sample[] {
  return Array.from(counts, ([key, value]) => ({ labels: { [label]: key }, value }));
}

function longest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
