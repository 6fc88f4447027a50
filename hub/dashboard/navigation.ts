// Who is signed in arrives; the places that they can go to leave, as the bar of an app.

import { html } from 'hono/html';

import type { Role } from '../accounts/account.ts';
import { icon, type IconName } from './parts/icon.ts';
import { attributes, type Markup } from './parts/markup.ts';

export type Place = 'servers' | 'devices' | 'security' | 'tokens' | 'admin';

interface Entry {
  readonly place: Place;
  readonly href: string;
  readonly text: string;
  readonly icon: IconName;
  readonly roles?: readonly Role[];
}

const entries: readonly Entry[] = [
  { place: 'servers', href: '/servers', text: 'Servers', icon: 'server' },
  { place: 'devices', href: '/devices', text: 'Devices', icon: 'desktop' },
  { place: 'security', href: '/security', text: 'Security', icon: 'shield' },
  { place: 'tokens', href: '/tokens', text: 'Tokens', icon: 'key' },
  { place: 'admin', href: '/admin/users', text: 'Admin', icon: 'settings', roles: ['admin'] },
];

export function navigation(role: Role, here: Place | undefined): Markup {
  const shown = entries.filter(({ roles }) => roles === undefined || roles.includes(role));
  return html`<nav class="tabs" aria-label="Main">
    <ul>
      ${shown.map(
        ({ place, href, text, icon: picture }) =>
          html`<li>
            <a class="tab" href="${href}" ${current(place === here)}
              >${icon(picture)}<span>${text}</span></a
            >
          </li>`,
      )}
    </ul>
  </nav>`;
}

export interface SubEntry {
  readonly href: string;
  readonly text: string;
}

/** A row of pages that belong together, such as Admin's. */
export function subNavigation(label: string, each: readonly SubEntry[], here: string): Markup {
  return html`<nav class="subnav" aria-label="${label}">
    <ul>
      ${each.map(
        ({ href, text }) => html`<li><a href="${href}" ${current(href === here)}>${text}</a></li>`,
      )}
    </ul>
  </nav>`;
}

function current(isHere: boolean): Markup {
  return attributes({ 'aria-current': isHere ? 'page' : undefined });
}
