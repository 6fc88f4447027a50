// The hub's settings arrive; the page leaves that shows each, whence it comes, and of a secret only that it is set.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { SettingAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { badge } from '../../parts/badge.ts';
import { card } from '../../parts/card.ts';
import type { Content } from '../../parts/markup.ts';
import { table } from '../../parts/table.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage } from './admin-page.ts';

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
        body:
          set.length === 0
            ? html`<p class="soft">Nothing is set: everything is as it comes.</p>`
            : settingsTable('Settings from the environment', set),
      }),
      card({ title: 'As it comes', body: settingsTable('Settings left as they come', usual) }),
    ],
  });
}

function settingsTable(caption: string, items: readonly SettingAnswer[]) {
  return table({
    caption,
    columns: [{ title: 'Name' }, { title: 'Value' }, { title: 'From' }],
    rows: items.map((setting) => [
      html`<code>${setting.name}</code>`,
      valueOf(setting),
      badge(fromWords[setting.from], setting.from === 'default' ? 'calm' : 'accent'),
    ]),
  });
}

const fromWords: Readonly<Record<SettingAnswer['from'], string>> = {
  environment: 'environment',
  file: 'file',
  default: 'default',
};

function valueOf({ value, is_secret: isSecret, from }: SettingAnswer): Content {
  if (isSecret)
    return html`<span class="soft">${from === 'default' ? 'not set' : 'set, secret'}</span>`;
  return value === null ? html`<span class="soft">not set</span>` : html`<code>${value}</code>`;
}
