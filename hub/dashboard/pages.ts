// A request for a page arrives, with its caller; the page leaves, or a page that says why there is none.

import { Hono } from 'hono';

import type { Logger } from '../../shared/log.ts';
import { Assets } from './assets.ts';
import type { DashboardEnv } from './environment.ts';
import { failurePage, notFoundPage } from './pages/failures.ts';

export interface PagesOptions {
  /** The hub's own name. */
  readonly hubHost: string;
  /** `https://hub.example.org`: what people are told to open. */
  readonly hubUrl: string;
  readonly log: Logger;
}

/** For the end of hub/api's app: what is not the API is a page. */
export function createPages(options: PagesOptions): Hono<DashboardEnv> {
  const { hubHost, hubUrl, log } = options;
  const assets = Assets.load();
  const app = new Hono<DashboardEnv>();
  app.route('/', assets.routes());
  app.use(async (context, next) => {
    context.set('dashboard', { assets, hubHost, hubUrl });
    await next();
  });
  app.get('*', async (context, next) =>
    isForPeople(context.req.path, context.req.header('accept')) ? notFoundPage(context) : next(),
  );
  app.onError((error, context) => {
    log.error({ err: error, path: context.req.routePath }, 'page failed');
    return failurePage(context);
  });
  return app;
}

/** Programs that ask for what is not there read a problem, which hub/api writes. */
function isForPeople(path: string, accept = ''): boolean {
  return accept.includes('text/html') && !path.startsWith('/api/v1/');
}
