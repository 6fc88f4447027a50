// The hub's settings arrive; the page leaves that shows each, whence it comes, and of a secret only that it is set.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { SettingAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { badge } from '../../parts/badge.ts';
import { card } from '../../parts/card.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { table } from '../../parts/table.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage } from './admin-page.ts';
import { sectionsOf, type SettingSection } from './setting-sections.ts';

export async function settingsPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const { items } = await hub.ask('settings.list');
  const set = items.filter(({ from }) => from !== 'default');
  const usual = items.filter(({ from }) => from === 'default');
  return adminPage(context, '/admin/settings', {
    title: 'Settings',
    lead: 'They come from the environment of the hub’s process. To change one, change it there and restart: films go on.',
    body: [
      card({
        title: 'Set here',
        state: badge(String(set.length)),
        body:
          set.length === 0
            ? html`<p class="soft">Nothing is set: everything is as it comes.</p>`
            : sectionsOf(set).map((each) =>
                section(each, settingsTable(each), set.length <= mostUnfolded),
              ),
      }),
      usual.length > 0 &&
        card({
          title: 'As it comes',
          state: badge(String(usual.length)),
          lead: 'Nobody has set these. README.md says what each does, and what holds without it.',
          body: sectionsOf(usual).map((each) => section(each, nameList(each), false)),
        }),
    ],
  });
}

/** Three screens of a phone. */
const mostUnfolded = 12;

type Section = SettingSection<SettingAnswer>;

/** Folded, the page is its own index: all of it would be thirty screens of a phone. */
function section({ title, items }: Section, body: Markup, isOpen: boolean): Markup {
  return html`<details class="fold" ${isOpen && html`open`}>
    <summary><span>${title}</span> ${badge(String(items.length))}</summary>
    ${body}
  </details>`;
}

function settingsTable({ title, items }: Section): Markup {
  return table({
    caption: `${title}: set here`,
    columns: [{ title: 'Name' }, { title: 'Value' }],
    rows: items.map((setting) => [html`<code>${setting.name}</code>`, valueOf(setting)]),
  });
}

function nameList({ title, items }: Section): Markup {
  return html`<ul class="names" aria-label="${title}: as it comes">
    ${items.map(({ name }) => html`<li><code>${name}</code></li>`)}
  </ul>`;
}

function valueOf({ value, is_secret: isSecret, from }: SettingAnswer): Content {
  const shown =
    isSecret || value === null
      ? html`<span class="soft">${isSecret ? 'set, secret' : 'set'}</span>`
      : html`<code>${value}</code>`;
  return from === 'file' ? html`${shown} ${badge('from a file')}` : shown;
}
