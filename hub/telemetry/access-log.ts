// Exchanges that are over arrive; one line of the access log leaves for each, which says who was served and how, and never what.

import type { Logger } from '../../shared/log.ts';
import { networkAround } from '../../shared/net-address.ts';
import type { ExchangeRecord } from '../usage/exchange-record.ts';
import { classOf, knownMethod, type WatchedRequest } from './watched-request.ts';

/** How much of a visitor's address a line has. */
export type AddressDetail = 'full' | 'network' | 'none';

export class AccessLog {
  readonly #log: Logger;
  readonly #addresses: AddressDetail;

  constructor(log: Logger, addresses: AddressDetail) {
    this.#log = log;
    this.#addresses = addresses;
  }

  write(request: WatchedRequest, serverId: string, record: ExchangeRecord): void {
    const { id, hostname, httpVersion } = request;
    const { startedAt, durationMs, answeredMs, status, bytesUp, bytesDown } = record;
    this.#log.info(
      {
        request: id,
        started: new Date(startedAt).toISOString(),
        server: serverId,
        host: hostname,
        method: knownMethod(request) ?? 'other',
        class: classOf(request, status),
        http: httpVersion,
        status: status ?? null,
        ...(record.failure !== undefined && { code: record.failure }),
        bytes_up: bytesUp,
        bytes_down: bytesDown,
        duration_ms: Math.round(durationMs),
        first_byte_ms: answeredMs === undefined ? null : Math.round(answeredMs),
        resumed: record.resumes,
        ...this.#address(request),
      },
      'exchange',
    );
  }

  #address({ clientAddress }: WatchedRequest): { address?: string | null } {
    if (this.#addresses === 'none') return {};
    if (clientAddress === undefined) return { address: null };
    return { address: this.#addresses === 'full' ? clientAddress : networkOf(clientAddress) };
  }
}

/** What data protection authorities take for shortened: 256 customers of a provider, or a site of IPv6. */
function networkOf(address: string): string {
  return networkAround(address, { ipv4: 24, ipv6: 48 });
}
