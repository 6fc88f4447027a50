// The rooms of a running hub arrive; what people meet at its doors leaves: the API with its services, and the pages that ask it.

import type { Logger } from '../../shared/log.ts';
import type { PeopleOptions } from '../api/app.ts';
import { apiDocument } from '../api/document.ts';
import type { EventChannels } from '../api/news/events.ts';
import { operations } from '../api/operations.ts';
import { createReader } from '../api/operation/reader.ts';
import { problemTable } from '../api/problem/problem-table.ts';
import type { HubConfig } from '../config.ts';
import { createPages } from '../dashboard/pages.ts';
import { ApiMetrics } from '../telemetry/api-metrics.ts';
import { openServices, type ServiceParts } from '../composition/services.ts';

export interface ReceptionParts extends ServiceParts {
  readonly log: Logger;
}

export interface Reception {
  /** For every door of people; which of them it is, and who may be an admin there, the doors add. */
  readonly people: Omit<PeopleOptions, 'admins' | 'origin'>;
  readonly channels: EventChannels;
  readonly measured: ApiMetrics;
}

export async function openReception(config: HubConfig, parts: ReceptionParts): Promise<Reception> {
  const { people, audited, place, log } = parts;
  const services = await openServices(config, parts);
  const measured = new ApiMetrics(() => services.channels.count, Object.keys(problemTable));
  const pages = createPages({
    hubHost: config.hubHost,
    hubUrl: () => place.publicUrl,
    services: {
      ...people,
      ...parts.signOn,
      mail: { isThere: parts.notified.mailer.isSet },
      api: { document: apiDocument },
    },
    read: createReader(operations, services),
    log,
  });
  return {
    people: {
      logins: people.logins,
      browsers: people.browsers,
      tokens: people.tokens,
      stepUp: people.stepUp,
      bans: audited.bans,
      forwardAuth: {
        trustedProxies: config.trustedProxies,
        onAnswer: (result) => measured.verified(result),
      },
      securityContact: config.securityContact,
      services,
      servePages: (app) => void app.route('/', pages),
    },
    channels: services.channels,
    measured,
  };
}
