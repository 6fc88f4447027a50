// A request that has no page arrives; a page leaves that says so and shows a way on.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { appPage, doorCard, doorPage } from '../layout.ts';
import { linkButton } from '../parts/button.ts';
import type { Content } from '../parts/markup.ts';

type Answer = Response | Promise<Response>;

interface Words {
  readonly title: string;
  readonly body: Content;
}

export function notFoundPage(context: Context<DashboardEnv>): Answer {
  const { hubHost } = context.get('dashboard');
  return failure(context, 404, {
    title: 'There is nothing at this address',
    body: html`${hubHost} is the hub itself. A media server has a name of its own: look again at the
    address that its owner gave you.`,
  });
}

export function failurePage(context: Context<DashboardEnv>): Answer {
  return failure(context, 500, {
    title: 'The hub failed',
    body: 'This page could not be made; the hub’s log says why. Films that are playing go on. Try again in a moment.',
  });
}

/** For pages of somebody with another role. */
export function forbiddenPage(context: Context<DashboardEnv>, body: string): Answer {
  return failure(context, 403, { title: 'Not for this account', body });
}

function failure(context: Context<DashboardEnv>, status: 403 | 404 | 500, words: Words): Answer {
  const { title, body: lead } = words;
  const home = linkButton('To the start', '/', { kind: 'primary' });
  if (context.get('caller').kind === 'login')
    return appPage(context, { title, lead, status, body: html`<div>${home}</div>` });
  const body = doorCard({ title, lead, body: html`<div class="stack">${home}</div>` });
  return doorPage(context, { title, status, body });
}
