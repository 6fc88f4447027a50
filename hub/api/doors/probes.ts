// Machines that watch over a hub arrive; whether it is alive leaves, and whether it can serve, in as little as they need.

import { Hono } from 'hono';

import type { HubEnv } from './arrival.ts';

/** Looks at most once a second, whoever asks: these two are open to everybody. */
export interface Probed {
  answer(): Promise<{ readonly status: 200 | 503; readonly body: object }>;
}

/** HEAD as well as GET. */
export function probes(readiness: Probed): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  app.get('/healthz', (context) => {
    context.header('cache-control', 'no-store');
    return context.json({ alive: true });
  });
  app.get('/readyz', async (context) => {
    const { status, body } = await readiness.answer();
    context.header('cache-control', 'no-store');
    return context.json(body, status);
  });
  return app;
}
