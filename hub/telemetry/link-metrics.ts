// Handshakes and links of agents and visitors arrive as words; their counts leave for monitoring, and what the links hold and wait for.

import type { SendStalls, Stalls } from '../../shared/mux/stalls.ts';
import { goawayCode } from '../../shared/wire/codes.ts';
import { counter, gauge, total, type Metric, type Sample } from '../../shared/telemetry/metric.ts';

/** Who knocks: visitors of servers and of the hub, or agents on a port of their own. */
type Door = 'visitors' | 'agents';

export class LinkMetrics {
  readonly #handshakes = counter(
    'phlix_hub_handshakes_total',
    'Agents that asked to be let in, by result and version of the protocol.',
    ['result', 'version'],
  );
  readonly #tls = counter(
    'phlix_hub_tls_handshakes_total',
    'Connections by what became of their TLS handshake, at the doors of visitors and of agents.',
    ['door', 'result', 'version'],
  );
  readonly #opened = counter('phlix_hub_links_opened_total', 'Connections of agents that began.');
  readonly #reconnects = counter(
    'phlix_hub_reconnects_total',
    'Servers that came back: they had been here, and had no connection.',
  );
  readonly #closed = counter(
    'phlix_hub_links_closed_total',
    'Connections of agents that ended, by reason.',
    ['reason'],
    [...Object.keys(goawayCode), 'line-lost', 'stopped', 'moved'].map((reason) => ({ reason })),
  );

  handshake(result: string, version: number | undefined): void {
    this.#handshakes.inc({ result, version: version === undefined ? 'none' : String(version) });
  }

  tls(door: Door, result: string, version = 'none'): void {
    this.#tls.inc({ door, result, version });
  }

  opened(kind: 'new' | 'again' | 'further'): void {
    this.#opened.inc();
    if (kind === 'again') this.#reconnects.inc();
  }

  closed(reason: string): void {
    this.#closed.inc({ reason });
  }

  get metrics(): readonly Metric[] {
    return [this.#handshakes, this.#tls, this.#opened, this.#reconnects, this.#closed];
  }
}

/** What bytes waited for, as the hub sees it. What films wait for on their way out of a home its agent knows. */
export interface Waits {
  /** Their visitors took no more. */
  readonly visitor: Stalls;
  /** The rate that an owner or the operator set. */
  readonly limit: Stalls;
  /** Of what visitors send: the line to the home was full, or the media server took no more. */
  readonly sent: SendStalls;
}

export function waitMetrics({ visitor, limit, sent }: Waits): readonly Metric[] {
  const causes = { visitor, limit, line: sent.line, origin: sent.credit };
  const byCause = (figure: (stalls: Stalls) => number): Sample[] =>
    Object.entries(causes).map(([cause, stalls]) => ({
      labels: { cause },
      value: figure(stalls),
    }));
  return [
    total({
      name: 'phlix_hub_stalls_total',
      help: 'How often bytes had to wait, by what for.',
      labels: ['cause'],
      read: () => byCause(({ count }) => count),
    }),
    total({
      name: 'phlix_hub_stalled_seconds_total',
      help: 'How long they waited, added up over all that waited.',
      labels: ['cause'],
      read: () => byCause((stalls) => stalls.seconds(performance.now())),
    }),
  ];
}

/** The gateway's answer; asked once for each scrape, since it looks at every stream. */
export interface Queues {
  readonly inFlight: number;
  readonly unsent: number;
  readonly unread: number;
}

export function queueMetrics(queued: () => Queues): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_hub_queue_bytes',
      help: 'Bytes that wait in the hub: to be sent to agents, on their way to them, and for visitors to take them.',
      labels: ['place'],
      read: () => {
        const { inFlight, unsent, unread } = queued();
        return [
          { labels: { place: 'unsent' }, value: unsent },
          { labels: { place: 'in-flight' }, value: inFlight },
          { labels: { place: 'unread' }, value: unread },
        ];
      },
    }),
  ];
}
