// What visitors moved, asked and waited for is counted by usage; what monitoring may know of it leaves, with the names of a bounded number of servers.

import {
  gauge,
  histogram,
  total,
  type Histogram,
  type Metric,
  type Sample,
} from '../../shared/telemetry/metric.ts';
import type { Ledger } from '../usage/ledger.ts';
import type { QuotaCode } from '../usage/limit-book.ts';
import { statusClasses, type Counted } from '../usage/tally.ts';

interface Measured {
  readonly ledger: Pick<Ledger, 'total' | 'totalsByServer' | 'running' | 'find' | 'waits'>;
  readonly refusals: Readonly<Record<QuotaCode, number>>;
}

/** From a page out of a cache, over one from a NAS at the end of a slow line, to disks that have to wake up. */
const firstByteBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function firstByteHistogram(): Histogram {
  return histogram(
    'phlix_hub_time_to_first_byte_seconds',
    "From a visitor's request to the head of the media server's answer.",
    firstByteBuckets,
  );
}

/** Since the start of the process. */
export function trafficMetrics({ ledger, refusals }: Measured): readonly Metric[] {
  return [...bytes(ledger), ...requests({ ledger, refusals }), ...servers(ledger)];
}

function bytes(ledger: Measured['ledger']): readonly Metric[] {
  return [
    total({
      name: 'phlix_hub_bytes_total',
      help: 'Bytes of bodies and WebSockets, by direction: up is what visitors send.',
      labels: ['direction'],
      read: () => {
        const { bytesUp, bytesDown } = ledger.total();
        return directions({}, bytesUp, bytesDown);
      },
    }),
    total({
      name: 'phlix_hub_rate_waits_total',
      help: 'Pieces of bodies that waited for a rate.',
      read: () => ledger.waits,
    }),
  ];
}

function requests({ ledger, refusals }: Measured): readonly Metric[] {
  return [
    total({
      name: 'phlix_hub_requests_total',
      help: 'Requests for media servers, by the class of their answer.',
      labels: ['class'],
      read: () => {
        const { requests: counted } = ledger.total();
        return statusClasses.map((name, at) => ({
          labels: { class: name },
          value: counted[at] ?? 0,
        }));
      },
    }),
    total({
      name: 'phlix_hub_quota_refusals_total',
      help: 'Requests refused for a limit on traffic.',
      labels: ['limit'],
      read: () => Object.entries(refusals).map(([limit, value]) => ({ labels: { limit }, value })),
    }),
  ];
}

function servers(ledger: Measured['ledger']): readonly Metric[] {
  return [
    total({
      name: 'phlix_hub_server_bytes_total',
      help: 'The same bytes by server; the first hundred have a name.',
      labels: ['server', 'direction'],
      read: () => bytesByServer(ledger),
    }),
    total({
      name: 'phlix_hub_server_requests_total',
      help: 'The same requests by server.',
      labels: ['server'],
      read: () => byServer(ledger, ({ requests: counted }) => sumOf(counted)),
    }),
    gauge({
      name: 'phlix_hub_server_exchanges',
      help: 'Exchanges that run now, by server.',
      labels: ['server'],
      read: () => runningByServer(ledger),
    }),
  ];
}

type ByServer = (counted: Counted) => number;

function byServer(ledger: Measured['ledger'], figure: ByServer): Sample[] {
  let rest = figure(ledger.total());
  const named = [...ledger.totalsByServer()].map(([server, counted]) => {
    const value = figure(counted);
    rest -= value;
    return { labels: { server }, value };
  });
  return [...named, { labels: { server: 'other' }, value: rest }];
}

function bytesByServer(ledger: Measured['ledger']): Sample[] {
  return (['up', 'down'] as const).flatMap((direction) =>
    byServer(ledger, ({ bytesUp, bytesDown }) => (direction === 'up' ? bytesUp : bytesDown)).map(
      ({ labels, value }) => ({ labels: { ...labels, direction }, value }),
    ),
  );
}

function runningByServer(ledger: Measured['ledger']): Sample[] {
  let rest = ledger.running();
  const named = [...ledger.totalsByServer().keys()].map((server) => {
    const value = ledger.find(server)?.live.size ?? 0;
    rest -= value;
    return { labels: { server }, value };
  });
  return [...named, { labels: { server: 'other' }, value: rest }];
}

function directions(labels: Readonly<Record<string, string>>, up: number, down: number): Sample[] {
  return [
    { labels: { ...labels, direction: 'up' }, value: up },
    { labels: { ...labels, direction: 'down' }, value: down },
  ];
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
