// A page for those who are signed in arrives; the same leaves for everybody: others sign in first, and come back.

import type { Context } from 'hono';

import type { LoginCaller } from '../accounts/caller.ts';
import type { DashboardEnv } from './environment.ts';

type OwnPage = (context: Context<DashboardEnv>, caller: LoginCaller) => Promise<Response>;

/** Whose account is not safe yet makes it so first. */
export function signedIn(page: OwnPage): (context: Context<DashboardEnv>) => Promise<Response> {
  return async (context) => {
    const caller = context.get('caller');
    const { path, url } = context.req;
    if (caller.kind !== 'login') {
      const back = encodeURIComponent(path + new URL(url).search);
      return context.redirect(`/sign-in?return=${back}`, 303);
    }
    if (caller.login.restriction !== undefined) return context.redirect('/enrol', 303);
    return page(context, caller);
  };
}
