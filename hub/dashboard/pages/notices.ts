// Places that notices are sent to arrive, somebody's own or the hub's; the page leaves where they are added, tried and removed.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../accounts/caller.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage, type AppPageOptions } from '../layout.ts';
import type { NoticeTargetAnswer } from '../notice-answers.ts';
import { badge } from '../parts/badge.ts';
import { button, opener } from '../parts/button.ts';
import { card } from '../parts/card.ts';
import { confirmation, dialog } from '../parts/dialog.ts';
import { emptyState } from '../parts/empty-state.ts';
import { area as lines, field, select } from '../parts/field.ts';
import { form, formActions } from '../parts/form.ts';
import { itemList } from '../parts/item-list.ts';
import type { Content, Markup } from '../parts/markup.ts';
import { moment } from '../parts/moment.ts';
import { secretOnce } from '../parts/secret.ts';
import type { HubReading } from '../reading.ts';
import { adminPage } from './admin/admin-page.ts';

/** What happens to somebody and to the servers that are theirs. */
export async function ownNoticesPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const { items } = await hub.ask('notices.list');
  return appPage(context, {
    ...pageOf('account', items),
    title: 'Notices',
    here: 'security',
    back: { href: '/security', text: 'Security' },
    lead: 'Where the hub tells you what happens to your account and your servers, beside mail to your confirmed address.',
  });
}

/** What happens to the hub, for its admins. */
export async function hubNoticesPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const { items } = await hub.ask('hub-notices.list');
  return adminPage(context, '/admin/notices', {
    ...pageOf('admin', items),
    title: 'Notices',
    lead: 'Where the hub tells its admins of trouble: certificates, bans, the audit log.',
  });
}

type Area = 'account' | 'admin';

function pageOf(
  area: Area,
  items: readonly NoticeTargetAnswer[],
): Pick<AppPageOptions, 'islands' | 'actions' | 'body'> {
  const call = `/api/v1/${area}/notice-targets`;
  const add = opener('Add a place', 'add-target', { kind: 'primary', icon: 'plus' });
  return {
    islands: ['notices'],
    ...(items.length > 0 && { actions: add }),
    body: [
      secretOnce(
        'target-secret',
        'Key of the webhook’s signatures',
        'Your receiver checks X-Phlix-Signature with it. It is shown this once.',
      ),
      card({
        title: 'Places',
        body:
          items.length === 0
            ? emptyState({
                icon: 'bell',
                title: 'No place yet',
                body: 'A webhook, an ntfy topic, a Gotify server or another mailbox hears of trouble within seconds.',
                action: add,
              })
            : itemList(
                'Places',
                items.map((target) => targetItem(target, call)),
              ),
      }),
      items.map((target) => removal(target, call)),
      html`<p class="soft" data-test-said role="status"></p>`,
      addDialog(area, call),
    ],
  };
}

const kindWords: Readonly<Record<NoticeTargetAnswer['kind'], string>> = {
  mail: 'Mail',
  webhook: 'Webhook',
  ntfy: 'ntfy',
  gotify: 'Gotify',
};

function targetItem(target: NoticeTargetAnswer, call: string) {
  const { id, kind, label, kinds, is_enabled: isEnabled } = target;
  return {
    icon: kind === 'mail' ? ('mail' as const) : ('bell' as const),
    title: label,
    badges: [
      badge(kindWords[kind]),
      !isEnabled && badge('Silent', 'warn'),
      target.failed_at !== null && badge('Failed', 'bad'),
    ],
    detail: html`${kinds.length === 0 ? 'Hears of everything' : kinds.join(', ')},
    ${target.allow.length > 0 && html`may be at ${target.allow.join(', ')}, `}
    ${
      target.last_sent_at === null
        ? 'nothing sent yet'
        : html`last sent ${moment(new Date(target.last_sent_at))}`
    }${failureOf(target)}`,
    actions: [
      form({
        call: `POST ${call}/${id}/test`,
        attributes: { 'data-tests': label },
        body: button('Send a test', { kind: 'quiet', spoken: `Send a test to ${label}` }),
      }),
      form({
        call: `PATCH ${call}/${id}`,
        after: 'reload',
        said: isEnabled ? `${label} is silent now.` : `${label} hears again.`,
        body: html`<input
            type="checkbox"
            name="is_enabled"
            hidden
            ${!isEnabled && html`checked`}
            aria-label="Hears of notices"
          />${button(isEnabled ? 'Silence' : 'Let it hear', {
            kind: 'quiet',
            spoken: `${isEnabled ? 'Silence' : 'Let it hear'}: ${label}`,
          })}`,
      }),
      opener('Remove', `remove-${id}`, { kind: 'quiet', spoken: `Remove ${label}` }),
    ],
  };
}

function failureOf({ failed_at: at, failure }: NoticeTargetAnswer): Content {
  if (at === null) return undefined;
  return html`. Failed ${moment(new Date(at))}: ${failure ?? 'no reason given'}`;
}

function removal({ id, label }: NoticeTargetAnswer, call: string): Markup {
  return confirmation({
    id: `remove-${id}`,
    title: `Remove ${label}?`,
    lost: ['Nothing is sent there any more. Its address and its key are forgotten.'],
    call: `DELETE ${call}/${id}`,
    confirm: 'Remove the place',
    said: `${label} is removed.`,
  });
}

/** Row A-22: nothing of the hub's own network is asked, but what an admin opens for this one place. */
function reachField(area: Area): Markup {
  if (area === 'account')
    return html`<p class="hint">
      It has to be reachable from the internet over https. One in a private network, such as
      192.168.1.7, only an admin can add, among the notices of the hub.
    </p>`;
  return lines({
    label: 'Private networks that it may be in (optional)',
    name: 'allow',
    rows: 2,
    hint: html`For an ntfy or Gotify at home, which may then be http:// too: its address or network,
    one in each line, such as 192.168.1.7/32. The hub sends what it has to tell there, and to no
    other machine of your network. Keep it as small as you can.`,
    attributes: { 'data-lines': true },
  });
}

function addDialog(area: Area, call: string): Markup {
  return dialog({
    id: 'add-target',
    title: 'Add a place',
    body: form({
      call: `POST ${call}`,
      id: 'new-target',
      after: 'reload',
      said: 'It hears from now on.',
      body: [
        select({
          label: 'Kind',
          name: 'kind',
          value: 'ntfy',
          choices: [
            { value: 'ntfy', label: 'ntfy' },
            { value: 'gotify', label: 'Gotify' },
            { value: 'webhook', label: 'Webhook' },
            { value: 'mail', label: 'Mail' },
          ],
        }),
        field({
          label: 'Address',
          name: 'address',
          isRequired: true,
          hint: 'https://ntfy.sh/topic, https://gotify.example.org, the address of a webhook, or an e-mail address.',
        }),
        field({
          label: 'Token (optional)',
          name: 'secret',
          type: 'password',
          autocomplete: 'off',
          hint: 'Gotify’s app token, or ntfy’s access token. For a webhook, leave it empty: the hub makes a key.',
        }),
        reachField(area),
        formActions(button('Add it', { kind: 'primary' })),
      ],
    }),
  });
}
