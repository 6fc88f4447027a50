// The operator's wishes for an access log and for traces arrive; who watches visitors' exchanges leaves, or nobody: then nothing is made for them.

import type { Logger } from '../../shared/log.ts';
import type { HubConfig } from '../config.ts';
import type { ExchangeWatch } from '../edge/exchange-watch.ts';
import type { Opened } from './opened.ts';
import { otlpHeaders } from '../settings/logs.ts';
import { AccessLog } from '../telemetry/access-log.ts';
import type { Tracing } from '../telemetry/tracing.ts';

export async function watchExchanges(
  { logs, traces }: Pick<HubConfig, 'logs' | 'traces'>,
  { access, log, opened }: { access: Logger | undefined; log: Logger; opened: Opened },
): Promise<ExchangeWatch | undefined> {
  const accessLog = access && new AccessLog(access, logs.addresses);
  const tracing = traces && (await openTracing(traces, log));
  opened.add(async () => tracing?.stop());
  if (accessLog === undefined && tracing === undefined) return undefined;
  return {
    begun: (request, { serverId, meter, isVouched }) => {
      const traced = tracing?.begin(request, serverId, isVouched);
      meter.onClosed = (record) => {
        accessLog?.write(request, serverId, record);
        traced?.end(record);
      };
      return traced?.fields;
    },
    refused: (request, { serverId, record, isVouched }) => {
      accessLog?.write(request, serverId, record);
      tracing?.begin(request, serverId, isVouched).end(record);
    },
  };
}

async function openTracing(
  { url, headers, sample }: NonNullable<HubConfig['traces']>,
  log: Logger,
): Promise<Tracing> {
  const { Tracing } = await import('../telemetry/tracing.ts');
  return new Tracing({ url, headers: otlpHeaders(headers), sample, log });
}
