// A request arrives that costs the hub something and proves nothing; it goes on, unless its address has made too many.

import type { MiddlewareHandler } from 'hono';

import { addressBucket } from '../../../shared/net-address.ts';
import { FailureBudget } from '../../tunnels/failure-budget.ts';
import { ApiError } from '../problem/api-error.ts';
import type { HubEnv } from './arrival.ts';

/** Whatever comes of them: `limit` of one address within `windowMs`. */
export function paced(pace: { limit: number; windowMs: number }): MiddlewareHandler<HubEnv> {
  const budget = new FailureBudget(pace);
  return async (context, next) => {
    const { address, peer } = context.get('caller');
    const asker = address ?? peer;
    const bucket = asker === undefined ? 'unknown' : addressBucket(asker);
    const retryAfterMs = budget.waitMs(bucket);
    if (retryAfterMs > 0) {
      const sentence = 'Too many sign-ins from this address: wait a minute.';
      throw new ApiError('api.busy', sentence, { retryAfterMs });
    }
    budget.note(bucket);
    return next();
  };
}
