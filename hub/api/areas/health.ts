// An admin asks how the hub is; what its doctor looked at leaves, each with what is wrong and what to do (security row A-25).

import { z } from '@hono/zod-openapi';

import { findingStates, worstOf, type Finding } from '../../../shared/doctor/finding.ts';
import { operation, type Operation } from '../operation/operation.ts';

export interface HealthServices {
  readonly health: {
    look(): Promise<readonly Finding[]>;
    readonly trips: {
      list(): readonly {
        readonly at: Date;
        readonly limit: string;
        readonly who: string | undefined;
        readonly times: number;
      }[];
    };
  };
}

export const findingSchema = z
  .object({
    check: z.string().openapi({ example: 'dns.hub' }),
    state: z.enum(findingStates),
    message: z.string().openapi({ description: 'How it is.' }),
    remedy: z.string().optional().openapi({ description: 'What to do about it.' }),
  })
  .openapi('Finding');

const trip = z
  .object({
    at: z.string().openapi({ format: 'date-time' }),
    limit: z.string().openapi({ example: 'login.locked' }),
    who: z.string().nullable(),
    times: z.number().int(),
  })
  .openapi('Trip');

const show = operation({
  id: 'health.show',
  method: 'get',
  path: '/admin/health',
  summary: 'What the hub finds when it looks at itself, and the last 200 times that a limit held',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  response: z.object({
    state: z.enum(['ok', 'warning', 'failure']),
    items: z.array(findingSchema),
    trips: z.array(trip),
  }),
  async run(_caller, _input, { health }: HealthServices) {
    const items = [...(await health.look())];
    const trips = health.trips.list().map(({ at, limit, who, times }) => {
      return { at: at.toISOString(), limit, who: who ?? null, times };
    });
    return { state: worstOf(items), items, trips };
  },
});

export const healthOperations: readonly Operation<HealthServices>[] = [show];
