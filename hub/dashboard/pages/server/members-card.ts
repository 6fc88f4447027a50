// Those with whom a server is shared arrive, and who is invited to it; a card leaves where they are added and removed.

import { html } from 'hono/html';

import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { dialog } from '../../parts/dialog.ts';
import { field } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Markup } from '../../parts/markup.ts';
import { day } from '../../parts/moment.ts';
import type { GuestAnswer, MemberAnswer } from '../../server-answers.ts';

export function membersCard(
  serverId: string,
  members: readonly MemberAnswer[],
  invited: readonly GuestAnswer[],
): Markup {
  const call = `/api/v1/servers/${serverId}/members`;
  return card({
    title: 'Shared with',
    lead: 'Members see this page, without who is watching what they may not change.',
    actions: opener('Share', 'share', { icon: 'plus' }),
    body: [
      members.length === 0
        ? html`<p class="soft">
            Nobody yet. Visitors need no account: this is for people who help.
          </p>`
        : itemList(
            'Members',
            members.map(({ account_id: accountId, username, since }) => ({
              icon: 'user',
              title: username,
              detail: html`since ${day(new Date(since))}`,
              actions: form({
                call: `DELETE ${call}/${accountId}`,
                after: 'reload',
                said: `${username} does not see it any more.`,
                body: button('Remove', { kind: 'quiet', spoken: `Remove ${username}` }),
              }),
            })),
          ),
      invited.length > 0 && invitedList(serverId, invited),
      dialog({
        id: 'share',
        title: 'Share this server',
        body: form({
          call: `POST ${call}`,
          after: 'reload',
          said: 'Shared.',
          body: [
            field({ label: 'User name', name: 'username', id: 'member-name', isRequired: true }),
            formActions(button('Share it', { kind: 'primary' })),
          ],
        }),
      }),
    ],
  });
}

function invitedList(serverId: string, invited: readonly GuestAnswer[]): Markup {
  return html`<h3>Invited, and not here yet</h3>
    ${itemList(
      'Invitations',
      invited.map(({ id, email, expires_at: until }) => ({
        icon: 'mail',
        title: email ?? 'Whoever has the link',
        detail: html`good until ${day(new Date(until))}`,
        actions: form({
          call: `DELETE /api/v1/servers/${serverId}/invitations/${id}`,
          after: 'reload',
          said: 'The invitation is withdrawn.',
          body: button('Withdraw', {
            kind: 'quiet',
            spoken: `Withdraw the invitation of ${email ?? 'whoever has the link'}`,
          }),
        }),
      })),
    )}`;
}
