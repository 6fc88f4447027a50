// An account arrives; the page leaves where an admin changes what it may do, opens it again for its owner, or ends it.

import type { Context } from 'hono';
import { html } from 'hono/html';

import { roles } from '../../../accounts/account.ts';
import type { LoginCaller } from '../../../accounts/caller.ts';
import type { UserAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { button, opener } from '../../parts/button.ts';
import { callout } from '../../parts/callout.ts';
import { card } from '../../parts/card.ts';
import { confirmation } from '../../parts/dialog.ts';
import { field, select } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import type { Markup } from '../../parts/markup.ts';
import { day, moment } from '../../parts/moment.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage } from './admin-page.ts';
import { limitsCard } from '../server/upkeep-cards.ts';
import { userBadges } from './users.ts';

export async function userPage(
  context: Context<DashboardEnv>,
  { account }: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const user = await hub.ask('users.show', { id: context.req.param('id') });
  const limits = await hub.ask('usage.account-limits', { id: user.id });
  const isSelf = user.id === account.id;
  return adminPage(context, '/admin/users', {
    title: user.username,
    back: { href: '/admin/users', text: 'Users' },
    heading: html`${user.username} ${userBadges(user, isSelf)}`,
    body: [
      factsCard(user),
      user.role !== 'member' && limitsCard(`/api/v1/admin/users/${user.id}`, limits),
      isSelf
        ? callout({
            title: 'This is you',
            body: html`What you change about yourself is on <a href="/security">your own page</a>.`,
          })
        : [roleCard(user), stateCard(user), resetCard(user), endCard(user)],
    ],
  });
}

function factsCard(user: UserAnswer): Markup {
  return card({
    body: html`<dl class="facts">
      <dt>E-mail</dt>
      <dd>
        ${user.email ?? 'none'}${user.email !== null && !user.is_email_verified && ', not confirmed'}
      </dd>
      <dt>Since</dt>
      <dd>${day(new Date(user.created_at))}</dd>
      <dt>Last here</dt>
      <dd>${moment(user.last_login_at === null ? undefined : new Date(user.last_login_at))}</dd>
      <dt>Signs in from</dt>
      <dd>${user.networks.length === 0 ? 'anywhere' : user.networks.join(', ')}</dd>
      <dt>Did</dt>
      <dd><a class="row-link" href="/admin/audit?actor=${user.id}">what the audit log says</a></dd>
    </dl>`,
  });
}

const roleWords: Readonly<Record<(typeof roles)[number], string>> = {
  admin: 'Admin: may do everything',
  owner: 'Owner: adds servers of their own',
  member: 'Member: looks at what is shared with them',
};

function roleCard({ id, role, username }: UserAnswer): Markup {
  return card({
    title: 'Role',
    lead: 'A new role ends the logins of the account; it signs in again.',
    body: form({
      call: `PUT /api/v1/admin/users/${id}/role`,
      after: 'reload',
      said: `${username} has a new role.`,
      body: [
        select({
          label: 'May do',
          name: 'role',
          value: role,
          choices: roles.map((each) => ({ value: each, label: roleWords[each] })),
        }),
        formActions(button('Change the role')),
      ],
    }),
  });
}

function stateCard({ id, state, username }: UserAnswer): Markup {
  if (state === 'suspended')
    return card({
      title: 'Suspended',
      lead: 'Nothing opens this account. Its servers go on.',
      body: form({
        call: `POST /api/v1/admin/users/${id}/resume`,
        after: 'reload',
        said: `${username} may sign in again.`,
        body: button('Let it sign in again', { kind: 'primary' }),
      }),
    });
  return card({
    title: 'Suspend',
    lead: 'For a while: nothing opens the account, and its servers go on.',
    actions: opener('Suspend', 'suspend'),
    body: confirmation({
      id: 'suspend',
      title: `Suspend ${username}?`,
      lost: [
        'Its logins end within a second.',
        'No password, passkey, token or device opens it until you let it sign in again.',
      ],
      fields: field({ label: 'Why (for the audit log)', name: 'reason', id: 'suspend-reason' }),
      call: `POST /api/v1/admin/users/${id}/suspend`,
      confirm: 'Suspend the account',
      said: `${username} is suspended.`,
    }),
  });
}

function resetCard({ id, username }: UserAnswer): Markup {
  return card({
    title: 'Reset the second factor',
    lead: 'For somebody who lost the telephone and the recovery codes. Make sure that it is really them who asks.',
    actions: opener('Reset', 'reset'),
    body: confirmation({
      id: 'reset',
      title: `Reset ${username}?`,
      lost: [
        'Authenticator app, passkeys, recovery codes and trusted browsers are forgotten.',
        'Its tokens and devices end, and so do its logins.',
        'At the next sign-in it has to set up a new second factor.',
      ],
      fields: field({
        label: 'Why (for the audit log)',
        name: 'reason',
        id: 'reset-reason',
        isRequired: true,
      }),
      call: `POST /api/v1/admin/users/${id}/reset-mfa`,
      confirm: 'Reset the account',
      said: `${username} sets up a new second factor at the next sign-in.`,
    }),
  });
}

function endCard({ id, username, role }: UserAnswer): Markup {
  return card({
    title: 'Remove',
    actions: opener('Remove the account', 'remove', { kind: 'danger', icon: 'trash' }),
    lead: 'With everything that the hub keeps of it.',
    body: confirmation({
      id: 'remove',
      title: `Remove ${username}?`,
      lost: [
        role === 'member'
          ? 'What was shared with it is shared with it no more.'
          : 'Its servers are revoked: whoever is watching is cut off, and their addresses stop answering.',
        'Its name, addresses and factors are deleted for good.',
        'The audit log keeps what it did, as it must.',
      ],
      typed: username,
      call: `DELETE /api/v1/admin/users/${id}`,
      after: 'go /admin/users',
      confirm: 'Remove it for good',
      said: `${username} is removed.`,
    }),
  });
}
