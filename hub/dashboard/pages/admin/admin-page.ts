// One of the pages for admins arrives; it leaves in its frame, with the way to the others.

import type { Context } from 'hono';

import type { DashboardEnv } from '../../environment.ts';
import { appPage, type AppPageOptions } from '../../layout.ts';
import { subNavigation, type SubEntry } from '../../navigation.ts';
import { linkButton } from '../../parts/button.ts';
import { html } from 'hono/html';
import type { Content } from '../../parts/markup.ts';

const entries: readonly SubEntry[] = [
  { href: '/admin/users', text: 'Users' },
  { href: '/admin/servers', text: 'Servers' },
  { href: '/admin/providers', text: 'Single sign-on' },
  { href: '/admin/bans', text: 'Bans' },
  { href: '/admin/audit', text: 'Audit' },
  { href: '/admin/notices', text: 'Notices' },
  { href: '/admin/settings', text: 'Settings' },
  { href: '/admin/health', text: 'Health' },
];

export async function adminPage(
  context: Context<DashboardEnv>,
  href: string,
  options: AppPageOptions,
): Promise<Response> {
  return appPage(context, {
    ...options,
    here: 'admin',
    body: [subNavigation('Administration', entries, href), options.body],
  });
}

/** To the rest of a long list; the filters of the page stay. `name`: of the second list on a page. */
export function nextPage(
  context: Context<DashboardEnv>,
  cursor: string | null | undefined,
  text: string,
  name = 'cursor',
): Content {
  if (cursor === null || cursor === undefined) return undefined;
  const query = new URLSearchParams(context.req.query());
  query.set(name, cursor);
  return html`<div class="actions">
    ${linkButton(text, `${context.req.path}?${query.toString()}`)}
  </div>`;
}
