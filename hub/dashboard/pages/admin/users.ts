// Everybody with an account arrives; the page leaves where admins see who there is, and invite others.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { InvitationAnswer, UserAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { badge } from '../../parts/badge.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation, dialog } from '../../parts/dialog.ts';
import { emptyState } from '../../parts/empty-state.ts';
import { field, select } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { day, moment } from '../../parts/moment.ts';
import { secretOnce } from '../../parts/secret.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage, nextPage } from './admin-page.ts';

export async function usersPage(
  context: Context<DashboardEnv>,
  { account }: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const cursor = context.req.query('cursor');
  const [users, invitations] = await Promise.all([
    hub.ask('users.list', { cursor }),
    hub.askAll('invitations.list'),
  ]);
  return adminPage(context, '/admin/users', {
    title: 'Users',
    lead: 'Who can sign in to this hub. Nobody registers: people are invited.',
    islands: ['invitations'],
    actions: opener('Invite somebody', 'invite', { kind: 'primary', icon: 'plus' }),
    body: [
      secretOnce(
        'invitation-link',
        'Send this link',
        'It works once, within seven days, and is shown this once.',
      ),
      card({
        title: 'Accounts',
        body: itemList(
          'Accounts',
          users.items.map((user) => userItem(user, user.id === account.id)),
        ),
      }),
      nextPage(context, users.next_cursor, 'More accounts'),
      html`<div id="invitations">${invitationsCard(invitations)}</div>`,
      inviteDialog(),
    ],
  });
}

function userItem(user: UserAnswer, isSelf: boolean) {
  return {
    icon: 'user' as const,
    title: user.username,
    href: `/admin/users/${user.id}`,
    badges: userBadges(user, isSelf),
    detail: html`${user.email ?? 'no e-mail address'}, last here
    ${moment(user.last_login_at === null ? undefined : new Date(user.last_login_at))}`,
  };
}

export function userBadges(user: UserAnswer, isSelf: boolean): Content {
  return [
    badge(user.role, user.role === 'admin' ? 'accent' : 'calm'),
    user.state === 'suspended' && badge('Suspended', 'bad'),
    user.is_password_breached && badge('Password known from a breach', 'warn'),
    isSelf && badge('You', 'good'),
  ];
}

function invitationsCard(invitations: readonly InvitationAnswer[]): Markup {
  return card({
    title: 'Invitations',
    lead: 'Sent, and not used yet.',
    body:
      invitations.length === 0
        ? emptyState({
            icon: 'mail',
            title: 'No open invitation',
            body: 'An invitation is a link that works once. Whoever opens it chooses a name and a way to sign in.',
          })
        : [
            itemList(
              'Invitations',
              invitations.map(({ id, role, email, created_at: at, expires_at: until }) => ({
                icon: 'mail',
                title: email ?? 'Whoever has the link',
                badges: badge(role),
                detail: html`made ${moment(new Date(at))}, good until ${day(new Date(until))}`,
                actions: opener('Withdraw', `withdraw-${id}`, { kind: 'quiet' }),
              })),
            ),
            invitations.map(({ id, email }) =>
              confirmation({
                id: `withdraw-${id}`,
                title: 'Withdraw the invitation?',
                lost: [`The link that ${email ?? 'somebody'} was given opens nothing any more.`],
                call: `DELETE /api/v1/admin/invitations/${id}`,
                confirm: 'Withdraw it',
                said: 'The invitation is withdrawn.',
              }),
            ),
          ],
  });
}

function inviteDialog(): Markup {
  return dialog({
    id: 'invite',
    title: 'Invite somebody',
    body: form({
      call: 'POST /api/v1/admin/invitations',
      id: 'invite-form',
      body: [
        select({
          label: 'As',
          name: 'role',
          value: 'owner',
          choices: [
            { value: 'owner', label: 'Owner: adds servers of their own' },
            { value: 'member', label: 'Member: looks at what is shared with them' },
            { value: 'admin', label: 'Admin: may do everything' },
          ],
        }),
        field({
          label: 'E-mail address (optional)',
          name: 'email',
          type: 'email',
          hint: 'For your own list. The link is shown to you; you send it.',
        }),
        formActions(button('Make the link', { kind: 'primary' })),
      ],
    }),
  });
}
