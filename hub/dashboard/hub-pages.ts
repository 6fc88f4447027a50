// A way to read the hub arrives; the pages about servers, and those for admins, leave.

import { Hono, type Context } from 'hono';

import { CodedError } from '../../shared/errors.ts';
import type { LoginCaller } from '../accounts/caller.ts';
import type { DashboardEnv } from './environment.ts';
import { auditPage } from './pages/admin/audit.ts';
import { bansPage } from './pages/admin/bans.ts';
import { healthPage } from './pages/admin/health.ts';
import { providersPage } from './pages/admin/providers.ts';
import { adminServersPage } from './pages/admin/servers.ts';
import { settingsPage } from './pages/admin/settings.ts';
import { userPage } from './pages/admin/user.ts';
import { usersPage } from './pages/admin/users.ts';
import { forbiddenPage, notFoundPage } from './pages/failures.ts';
import { newServerPage } from './pages/new-server.ts';
import { hubNoticesPage, ownNoticesPage } from './pages/notices.ts';
import { serverPage } from './pages/server.ts';
import { serversPage } from './pages/servers.ts';
import { HubReading, type ReadHub } from './reading.ts';
import { signedIn } from './signed-in.ts';

type HubPage = (
  context: Context<DashboardEnv>,
  caller: LoginCaller,
  hub: HubReading,
) => Response | Promise<Response>;

export function hubPages(read: ReadHub): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>();
  const add = (path: string, page: HubPage): void => {
    app.get(
      path,
      signedIn(async (context, caller) => {
        const isAdminDoorOpen = context.get('isAdminDoorOpen');
        const hub = new HubReading(read, { caller, isAdminDoorOpen });
        try {
          return await page(context, caller, hub);
        } catch (error) {
          return refusal(context, error);
        }
      }),
    );
  };
  add('/servers', serversPage);
  add('/servers/new', newServerPage);
  add('/servers/:id', serverPage);
  add('/admin/users', usersPage);
  add('/admin/users/:id', userPage);
  add('/admin/servers', adminServersPage);
  add('/admin/bans', bansPage);
  add('/admin/audit', auditPage);
  add('/admin/notices', hubNoticesPage);
  add('/notices', ownNoticesPage);
  add('/admin/settings', settingsPage);
  add('/admin/health', healthPage);
  add('/admin/providers', providersPage);
  app.get('/admin', (context) => context.redirect('/admin/users', 303));
  return app;
}

const absent: ReadonlySet<string> = new Set([
  'api.not-found',
  'api.malformed',
  'server.unknown',
  'account.unknown',
]);

/** What is not there and what is not theirs to see look alike. */
async function refusal(context: Context<DashboardEnv>, error: unknown): Promise<Response> {
  if (!(error instanceof CodedError)) throw error;
  if (absent.has(error.code)) return notFoundPage(context);
  if (error.code === 'api.denied') return forbiddenPage(context, error.message);
  throw error;
}
