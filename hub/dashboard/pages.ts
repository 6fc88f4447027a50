// A request for a page arrives, with its caller; the page leaves, or a page that says why there is none.

import { Hono } from 'hono';

import type { Logger } from '../../shared/log.ts';
import { Assets } from './assets.ts';
import type { DashboardEnv } from './environment.ts';
import { hubPages } from './hub-pages.ts';
import { apiPage } from './pages/api.ts';
import { invitePage, setupPage } from './pages/arrival.ts';
import { devicePage } from './pages/device.ts';
import { devicesPage } from './pages/devices.ts';
import { enrolPage } from './pages/enrol.ts';
import { failurePage, notFoundPage } from './pages/failures.ts';
import { landingPage } from './pages/landing.ts';
import { securityPage } from './pages/security.ts';
import { forgottenPage, resetPasswordPage, verifyEmailPage } from './pages/mailed.ts';
import { recoverPage, signInPage } from './pages/sign-in.ts';
import { tokensPage } from './pages/tokens.ts';
import type { ReadHub } from './reading.ts';
import type { PeopleServices } from './services.ts';
import { signedIn } from './signed-in.ts';

export interface PagesOptions {
  /** The hub's own name. */
  readonly hubHost: string;
  /** `https://hub.example.org`, what people are told to open; asked for each page, since port 0 is known only after listening. */
  readonly hubUrl: () => string;
  readonly services: PeopleServices;
  /** What pages about servers and for admins show. */
  readonly read: ReadHub;
  readonly log: Logger;
}

/** For the end of hub/api's app: what is not the API is a page. */
export function createPages(options: PagesOptions): Hono<DashboardEnv> {
  const { hubHost, hubUrl, services, read, log } = options;
  const assets = Assets.load();
  const app = new Hono<DashboardEnv>();
  app.route('/', assets.routes());
  app.use(async (context, next) => {
    context.set('dashboard', { assets, hubHost, hubUrl: hubUrl() });
    await next();
  });
  addDoors(app, services);
  addOwnPages(app, services);
  app.route('/', hubPages(read));
  app.get('*', async (context, next) =>
    isForPeople(context.req.path, context.req.header('accept')) ? notFoundPage(context) : next(),
  );
  app.onError((error, context) => {
    log.error({ err: error, path: context.req.routePath }, 'page failed');
    return failurePage(context);
  });
  return app;
}

/** Pages for whoever comes. */
function addDoors(app: Hono<DashboardEnv>, services: PeopleServices): void {
  app.get('/', async (context) =>
    context.get('caller').kind === 'login'
      ? context.redirect('/servers', 303)
      : landingPage(context, services),
  );
  app.get('/sign-in', async (context) => signInPage(context, services));
  app.get('/setup', async (context) => setupPage(context, services));
  app.get('/invite', async (context) => invitePage(context, services));
  app.get('/recover', async (context) => recoverPage(context));
  app.get('/forgotten', async (context) => forgottenPage(context, services));
  app.get('/reset-password', async (context) => resetPasswordPage(context));
  app.get('/verify-email', async (context) => verifyEmailPage(context));
  app.get('/enrol', async (context) => enrolPage(context, services));
  app.get('/api', async (context) => apiPage(context, services.api.document()));
}

/** Pages for those who are signed in. */
function addOwnPages(app: Hono<DashboardEnv>, services: PeopleServices): void {
  app.get(
    '/security',
    signedIn(async (context, caller) => securityPage(context, caller, services)),
  );
  app.get(
    '/devices',
    signedIn(async (context, caller) => devicesPage(context, caller, services)),
  );
  app.get(
    '/tokens',
    signedIn(async (context, caller) => tokensPage(context, caller, services)),
  );
  app.get(
    '/device',
    signedIn(async (context) => devicePage(context)),
  );
}

/** Programs that ask for what is not there read a problem, which hub/api writes. */
function isForPeople(path: string, accept = ''): boolean {
  return accept.includes('text/html') && !path.startsWith('/api/v1/');
}
