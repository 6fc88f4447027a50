// Networks that may not come in arrive, and who waits after failed sign-ins; the page leaves where admins add and lift bans.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { BanAnswer, LoginBlockAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { badge } from '../../parts/badge.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { dialog } from '../../parts/dialog.ts';
import { emptyState } from '../../parts/empty-state.ts';
import { field, select, tick } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage, nextPage } from './admin-page.ts';

export async function bansPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const { cursor, waiting } = context.req.query();
  const [bans, blocks] = await Promise.all([
    hub.ask('bans.list', { cursor }),
    hub.ask('login-blocks.list', { cursor: waiting }),
  ]);
  const add = opener('Ban a network', 'add-ban', { kind: 'primary', icon: 'plus' });
  return adminPage(context, '/admin/bans', {
    title: 'Bans',
    lead: 'Who may not come in. In force at once, on every process of the hub.',
    ...(bans.items.length > 0 && { actions: add }),
    body: [
      card({
        title: 'Shut out',
        body:
          bans.items.length === 0
            ? emptyState({
                icon: 'ban',
                title: 'Nobody is shut out',
                body: 'Whoever guesses passwords ends up here by itself. An address that does harm you can add.',
                action: add,
              })
            : itemList('Bans', bans.items.map(banItem)),
      }),
      nextPage(context, bans.next_cursor, 'More bans'),
      blocksCard(blocks.items),
      nextPage(context, blocks.next_cursor, 'More who wait', 'waiting'),
      addDialog(),
    ],
  });
}

function banItem(ban: BanAnswer) {
  const { id, network, origin, reason, by, created_at: at, until } = ban;
  return {
    icon: 'ban' as const,
    title: network,
    badges: origin === 'operator' ? badge('Every door', 'bad') : badge('Pages and API', 'warn'),
    detail: html`${reason === '' ? 'no reason given' : reason}, by ${by}, since
    ${moment(new Date(at))}, ${until === null ? 'for good' : html`ends ${moment(new Date(until))}`}`,
    actions: form({
      call: `DELETE /api/v1/admin/bans/${id}`,
      after: 'reload',
      said: `${network} may come in again.`,
      body: button('Let in again', { kind: 'quiet', spoken: `Let in again: ${network}` }),
    }),
  };
}

function blocksCard(blocks: readonly LoginBlockAnswer[]): Markup {
  return card({
    title: 'Waiting after failed sign-ins',
    lead: 'They may try again by themselves when their time is over.',
    body:
      blocks.length === 0
        ? html`<p class="soft">Nobody waits.</p>`
        : itemList(
            'Waiting',
            blocks.map(({ kind, what, failures, until }) => ({
              icon: 'clock',
              title: what,
              badges: badge(kind),
              detail: html`${failures} failures, may try again ${moment(new Date(until))}`,
              actions: form({
                call: 'POST /api/v1/admin/login-blocks/open',
                after: 'reload',
                said: 'It may try again.',
                body: html`<input type="hidden" name="kind" value="${kind}" />
                  <input type="hidden" name="what" value="${what}" />
                  ${button('Let it try', { kind: 'quiet', spoken: `Let it try: ${what}` })}`,
              }),
            })),
          ),
  });
}

function addDialog(): Markup {
  return dialog({
    id: 'add-ban',
    title: 'Ban a network',
    body: form({
      call: 'POST /api/v1/admin/bans',
      after: 'reload',
      said: 'It is shut out.',
      body: [
        html`<p class="soft">What runs for it is cut: films as well as pages.</p>`,
        field({
          label: 'Address or network',
          name: 'network',
          isRequired: true,
          hint: 'Such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48. An IPv6 address stands for its /64, which one home has whole; with /128 behind it, for itself.',
        }),
        select({
          label: 'How long',
          name: 'seconds',
          value: '86400',
          attributes: { 'data-number': true, 'data-null': true },
          choices: [
            { value: '3600', label: 'An hour' },
            { value: '86400', label: 'A day' },
            { value: '2592000', label: '30 days' },
            { value: '', label: 'For good' },
          ],
        }),
        field({ label: 'Why', name: 'reason', id: 'ban-reason', attributes: { maxlength: 200 } }),
        tick({
          label: 'I know that it is wide, or my own',
          name: 'confirm',
          hint: 'Only asked for where a ban would shut out many, or you.',
        }),
        formActions(button('Ban it', { kind: 'danger' })),
      ],
    }),
  });
}
