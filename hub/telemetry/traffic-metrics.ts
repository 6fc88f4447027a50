// What visitors moved and asked is counted by usage; what monitoring may know of it leaves, with the names of a bounded number of servers.

import type { Ledger } from '../usage/ledger.ts';
import type { QuotaCode } from '../usage/limit-book.ts';
import { statusClasses } from '../usage/tally.ts';
import type { Metric, Sample } from './metric.ts';

interface Measured {
  readonly ledger: Pick<Ledger, 'total' | 'totalsByServer' | 'waits'>;
  readonly refusals: Readonly<Record<QuotaCode, number>>;
}

/** Since the start of the process. */
export function trafficMetrics({ ledger, refusals }: Measured): readonly Metric[] {
  return [
    total('bytes', 'Bytes of bodies and WebSockets, by direction.', () => {
      const { bytesUp, bytesDown } = ledger.total();
      return directions({}, bytesUp, bytesDown);
    }),
    total('requests', 'Requests for media servers, by the class of their answer.', () => {
      const { requests } = ledger.total();
      return statusClasses.map((name, at) => ({
        labels: { class: name },
        value: requests[at] ?? 0,
      }));
    }),
    total('server_bytes', 'The same bytes by server; the first hundred have a name.', () =>
      byServer(ledger),
    ),
    total('quota_refusals', 'Requests refused for a limit on traffic.', () =>
      Object.entries(refusals).map(([limit, value]) => ({ labels: { limit }, value })),
    ),
    total('rate_waits', 'Pieces of bodies that waited for a rate.', () => [
      { value: ledger.waits },
    ]),
  ];
}

function byServer(ledger: Measured['ledger']): Sample[] {
  const samples: Sample[] = [];
  let { bytesUp, bytesDown } = ledger.total();
  for (const [server, counted] of ledger.totalsByServer()) {
    samples.push(...directions({ server }, counted.bytesUp, counted.bytesDown));
    bytesUp -= counted.bytesUp;
    bytesDown -= counted.bytesDown;
  }
  return [...samples, ...directions({ server: 'other' }, bytesUp, bytesDown)];
}

function directions(labels: Readonly<Record<string, string>>, up: number, down: number): Sample[] {
  return [
    { labels: { ...labels, direction: 'up' }, value: up },
    { labels: { ...labels, direction: 'down' }, value: down },
  ];
}

function total(name: string, help: string, samples: () => readonly Sample[]): Metric {
  return { name: `phlix_hub_${name}_total`, help, type: 'counter', samples };
}
