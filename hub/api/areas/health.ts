// An admin asks how the hub is; what was looked at leaves, each with what is wrong and what to do (security row A-25).

import { z } from '@hono/zod-openapi';

import { operation, type Operation } from '../operation/operation.ts';

export interface HealthFinding {
  /** `config.same-site`: stable. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failure';
  /** How it is, and if it should be otherwise, what to do. */
  readonly sentence: string;
}

export interface HealthServices {
  readonly health: { look(): Promise<readonly HealthFinding[]> };
}

const show = operation({
  id: 'health.show',
  method: 'get',
  path: '/admin/health',
  summary: 'What the hub finds when it looks at itself',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  response: z.object({
    state: z.enum(['ok', 'warning', 'failure']),
    items: z.array(
      z
        .object({
          check: z.string(),
          state: z.enum(['ok', 'warning', 'failure']),
          sentence: z.string(),
        })
        .openapi('Finding'),
    ),
  }),
  async run(_caller, _input, { health }: HealthServices) {
    const items = [...(await health.look())];
    return { state: worstOf(items), items };
  },
});

export const healthOperations: readonly Operation<HealthServices>[] = [show];

function worstOf(items: readonly HealthFinding[]): HealthFinding['state'] {
  const states = new Set(items.map(({ state }) => state));
  if (states.has('failure')) return 'failure';
  return states.has('warning') ? 'warning' : 'ok';
}
