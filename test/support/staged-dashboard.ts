// Canned answers of the API arrive; the dashboard's real pages leave over HTTP, as a browser of somebody who is signed in sees them.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';

import type { LoginCaller } from '../../hub/accounts/caller.ts';
import { securityHeaders } from '../../hub/api/doors/headers.ts';
import { Assets } from '../../hub/dashboard/assets.ts';
import type { DashboardEnv } from '../../hub/dashboard/environment.ts';
import { hubPages } from '../../hub/dashboard/hub-pages.ts';

/** By the operation's id. */
export type CannedAnswers = Readonly<Record<string, unknown>>;

export interface StagedDashboard {
  readonly url: string;
  /** What each GET of the API is answered with, by its path without the query. */
  readonly api: Map<string, unknown>;
  /** Sends an event to every page that listens. */
  tell(topic: string, body: object): void;
  close(): Promise<void>;
}

export async function stageDashboard(
  caller: LoginCaller,
  answers: CannedAnswers,
): Promise<StagedDashboard> {
  const assets = Assets.load();
  const app = new Hono<DashboardEnv>();
  const listening = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const api = new Map<string, unknown>();
  app.use(async (context, next) => {
    for (const [name, value] of securityHeaders({ hubHost: 'localhost', tenantDomain: 'x.test' }))
      if (name !== 'strict-transport-security') context.header(name, value);
    context.set('caller', caller);
    context.set('isAdminDoorOpen', caller.account.role === 'admin');
    const hubUrl = new URL(context.req.url).origin;
    context.set('dashboard', { assets, hubHost: 'hub.example.org', hubUrl });
    await next();
  });
  app.route('/', assets.routes());
  app.get('/api/v1/events', (context) => {
    let own: ReadableStreamDefaultController<Uint8Array> | undefined;
    const content = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        listening.add(controller);
        controller.enqueue(new TextEncoder().encode('event: ready\ndata: {}\n\n'));
      },
      cancel: () => void (own && listening.delete(own)),
    });
    return context.body(content, 200, { 'content-type': 'text/event-stream' });
  });
  app.all('/api/v1/*', (context) => {
    const answer = api.get(`${context.req.method} ${context.req.path}`);
    if (answer !== undefined) return context.json(answer as object);
    const detail = `nothing is staged for ${context.req.method} ${context.req.path}`;
    return context.json({ code: 'api.not-found', detail }, 404);
  });
  app.route(
    '/',
    hubPages(async (_asked, id) => {
      if (Object.hasOwn(answers, id)) return answers[id];
      throw new Error(`nothing is staged for ${id}`);
    }),
  );
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer((request, response) => void listener(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}`,
    api,
    tell: (topic, body) => {
      const lines = `event: ${topic}\ndata: ${JSON.stringify(body)}\n\n`;
      for (const controller of listening) controller.enqueue(new TextEncoder().encode(lines));
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
