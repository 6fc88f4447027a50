// Somebody's tokens arrive; the page leaves where programs get a key of their own, and lose it again.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { Role } from '../../accounts/account.ts';
import type { LoginCaller } from '../../accounts/caller.ts';
import type { Scope } from '../../accounts/tokens/scope.ts';
import type { Token } from '../../accounts/tokens/token.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { badge } from '../parts/badge.ts';
import { button, opener } from '../parts/button.ts';
import { card } from '../parts/card.ts';
import { confirmation, dialog } from '../parts/dialog.ts';
import { emptyState } from '../parts/empty-state.ts';
import { area, field, select, tick } from '../parts/field.ts';
import { form, formActions } from '../parts/form.ts';
import { itemList, type Item } from '../parts/item-list.ts';
import type { Content, Markup } from '../parts/markup.ts';
import { day, moment } from '../parts/moment.ts';
import { secretOnce } from '../parts/secret.ts';
import type { PeopleServices } from '../services.ts';

/** What each lets a program do, and whether only admins can give it. */
const scopeWords: readonly { scope: Scope; words: string; isForAdmins?: boolean }[] = [
  { scope: 'servers:read', words: 'See your servers' },
  { scope: 'servers:write', words: 'Change your servers' },
  { scope: 'usage:read', words: 'See traffic' },
  { scope: 'account:read', words: 'See your account' },
  { scope: 'account:write', words: 'Change your account, but not what opens it' },
  { scope: 'audit:read', words: 'Read the audit log', isForAdmins: true },
  { scope: 'admin:read', words: 'See everything of this hub', isForAdmins: true },
  {
    scope: 'admin:write',
    words: 'Change people, bans and settings of this hub',
    isForAdmins: true,
  },
];

export async function tokensPage(
  context: Context<DashboardEnv>,
  caller: LoginCaller,
  { tokens }: Pick<PeopleServices, 'tokens'>,
): Promise<Response> {
  const all = await tokens.list(caller.account.id);
  const own = all.filter(({ kind }) => kind === 'personal');
  const { hubUrl } = context.get('dashboard');
  const make = opener('Make a token', 'new-token', { kind: 'primary', icon: 'plus' });
  return appPage(context, {
    title: 'Tokens',
    here: 'tokens',
    lead: html`Keys for scripts and programs that call the hub. What they can ask is on
      <a href="/api">the page of the API</a>.`,
    islands: ['tokens'],
    ...(own.length > 0 && { actions: make }),
    body: [
      secretOnce(
        'token-text',
        'Your new token',
        'Copy it now: nobody gets to see it again, not even you.',
      ),
      own.length === 0
        ? card({
            body: emptyState({
              icon: 'key',
              title: 'No token yet',
              body: html`A script that calls <code>${hubUrl}/api/v1/servers</code> needs one. It can
                do less than you: choose what, and for how long.`,
              action: make,
            }),
          })
        : card({ title: 'Your tokens', body: itemList('Tokens', own.map(tokenItem)) }),
      own.map(removal),
      newTokenDialog(caller.account.role),
    ],
  });
}

function tokenItem(token: Token): Item {
  const { id, name, scopes, networks, expiresAt, lastUsedAt, lastUsedFrom } = token;
  const isOver = expiresAt.getTime() <= Date.now();
  return {
    icon: 'key',
    title: name,
    badges: isOver ? badge('Expired', 'bad') : scopes.map((scope) => badge(scope)),
    detail: html`${isOver ? 'Expired' : 'Until'} ${day(expiresAt)} · used
    ${moment(lastUsedAt)}${lastUsedFrom !== undefined && ` from ${lastUsedFrom}`}${
      networks.length > 0 && ` · only from ${networks.join(', ')}`
    }`,
    actions: opener('Revoke', `revoke-${id}`, { kind: 'quiet', spoken: `Revoke ${name}` }),
  };
}

function removal({ id, name }: Token): Markup {
  return confirmation({
    id: `revoke-${id}`,
    title: `Revoke ${name}?`,
    lost: ['Whatever uses this token stops working within a second.'],
    call: `DELETE /api/v1/tokens/${id}`,
    confirm: 'Revoke the token',
    said: `${name} is revoked.`,
  });
}

function newTokenDialog(role: Role): Content {
  const offered = scopeWords.filter(({ isForAdmins }) => isForAdmins !== true || role === 'admin');
  return dialog({
    id: 'new-token',
    title: 'A new token',
    body: form({
      call: 'POST /api/v1/tokens',
      id: 'new-token-form',
      body: [
        field({
          label: 'What is it for?',
          name: 'name',
          isRequired: true,
          attributes: { maxlength: 64, placeholder: 'Backup script' },
        }),
        html`<fieldset class="ticks">
          <legend class="legend">What may it do?</legend>
          ${offered.map(({ scope, words }) =>
            tick({
              label: words,
              name: 'scopes',
              id: `scope-${scope.replace(':', '-')}`,
              value: scope,
              isOn: scope === 'servers:read',
            }),
          )}
        </fieldset>`,
        select({
          label: 'For how long?',
          name: 'expires_in_days',
          value: '90',
          attributes: { 'data-number': true },
          choices: [
            { value: '7', label: 'A week' },
            { value: '30', label: '30 days' },
            { value: '90', label: '90 days' },
            { value: '365', label: 'A year' },
          ],
        }),
        area({
          label: 'From where? (optional)',
          name: 'networks',
          rows: 2,
          hint: 'One address or network in each line, such as 203.0.113.7. Empty: from anywhere.',
          attributes: { 'data-lines': true },
        }),
        formActions(button('Make the token', { kind: 'primary' })),
      ],
    }),
  });
}
