// An account's address, providers and networks arrive; the cards leave for what it is reached by and from, and for leaving.

import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { SsoLink } from '../../../accounts/sso/link.ts';
import { badge } from '../../parts/badge.ts';
import { button, linkButton, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation, dialog } from '../../parts/dialog.ts';
import { area, field } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { day } from '../../parts/moment.ts';
import type { Keeping } from './keeping.ts';

export function accountCards(keeping: Keeping, caller: LoginCaller): Content {
  return [
    emailCard(keeping),
    providersCard(keeping),
    networksCard(keeping, caller),
    leavingCard(keeping),
  ];
}

function emailCard({ account, isMailThere }: Keeping): Markup {
  const { email, emailVerifiedAt } = account;
  const isOpen = email !== undefined && emailVerifiedAt === undefined;
  return card({
    title: 'E-mail',
    state:
      email === undefined
        ? badge('None')
        : isOpen
          ? badge('Not confirmed yet', 'warn')
          : badge('Confirmed', 'good'),
    lead: 'The hub writes when somebody signs in from somewhere new, or a lock is changed.',
    id: 'email',
    actions: opener(email === undefined ? 'Add an address' : 'Change', 'change-email'),
    body: [
      email !== undefined && html`<p>${email}</p>`,
      isOpen &&
        isMailThere &&
        html`<div class="actions">
          ${form({
            call: 'POST /api/v1/account/email/verification',
            said: 'A letter with a link is on its way.',
            body: button('Send me the link'),
          })}
        </div>`,
      !isMailThere &&
        html`<p class="hint">This hub sends no mail yet: its operator has to set up SMTP.</p>`,
      dialog({
        id: 'change-email',
        title: 'Your e-mail address',
        body: form({
          call: 'PUT /api/v1/account/email',
          after: 'reload',
          said: 'Saved.',
          body: [
            field({
              label: 'E-mail',
              name: 'email',
              // The card has the plain word: a label finds the first of two.
              id: 'email-address',
              type: 'email',
              autocomplete: 'email',
              value: email,
              hint: 'Leave it empty to have none. A new one counts once its link was opened.',
              attributes: { maxlength: 254, 'data-null': true },
            }),
            formActions(button('Save', { kind: 'primary' })),
          ],
        }),
      }),
    ],
  });
}

function providersCard({ providers, links }: Keeping): Markup | undefined {
  if (providers.length === 0 && links.length === 0) return undefined;
  const linked = new Set(links.map(({ providerId }) => providerId));
  // One that is switched off opens nothing, and can still be unlinked.
  const nameOf = (link: SsoLink): string =>
    providers.find(({ id }) => id === link.providerId)?.name ?? 'A provider that is off';
  return card({
    title: 'Single sign-on',
    lead: 'Sign in with an account that you have elsewhere.',
    id: 'providers',
    body: [
      itemList('Providers', [
        ...links.map((link) => ({
          icon: 'link' as const,
          title: nameOf(link),
          detail: html`${link.name ?? 'Linked'}, since ${day(link.linkedAt)}`,
          actions: opener('Unlink', `unlink-${link.id}`, {
            kind: 'quiet',
            spoken: `Unlink ${nameOf(link)}`,
          }),
        })),
        ...providers
          .filter(({ id }) => !linked.has(id))
          .map(({ id, name }) => ({
            icon: 'link' as const,
            title: name,
            detail: 'Not linked',
            actions: form({
              call: `POST /api/v1/account/sso-links/${id}`,
              after: 'follow',
              body: button('Link', { kind: 'quiet', spoken: `Link ${name}` }),
            }),
          })),
      ]),
      links.map((link) =>
        confirmation({
          id: `unlink-${link.id}`,
          title: `Unlink ${nameOf(link)}?`,
          lost: [`${nameOf(link)} does not open this account any more.`],
          call: `DELETE /api/v1/account/sso-links/${link.id}`,
          confirm: 'Unlink',
        }),
      ),
    ],
  });
}

function networksCard({ account }: Keeping, { address }: LoginCaller): Markup {
  return card({
    title: 'Where you may sign in from',
    lead: 'Addresses and networks, if you want to be let in from some only. Most people leave this empty.',
    id: 'networks',
    actions: opener('Change', 'change-networks'),
    body: [
      account.networks.length === 0
        ? html`<p class="soft">From anywhere.</p>`
        : html`<p class="mono">${account.networks.join(', ')}</p>`,
      dialog({
        id: 'change-networks',
        title: 'Where you may sign in from',
        body: form({
          call: 'PUT /api/v1/account/networks',
          after: 'reload',
          said: 'Saved.',
          body: [
            area({
              label: 'One address or network in each line',
              name: 'networks',
              id: 'network-list',
              value: account.networks.join('\n'),
              hint: html`Such as 203.0.113.7 or 2001:db8::/48.
              ${address !== undefined && html`You are at ${address} now.`} Empty: from anywhere.`,
              attributes: { 'data-lines': true },
            }),
            field({
              label: 'Your user name, if the list leaves out where you are now',
              name: 'confirm',
              hint: 'It would end this login at once.',
            }),
            formActions(button('Save', { kind: 'primary' })),
          ],
        }),
      }),
    ],
  });
}

function leavingCard(keeping: Keeping): Markup {
  return card({
    title: 'Your data',
    lead: 'Take it with you, lock everything, or leave.',
    id: 'leaving',
    body: [
      html`<div class="actions">
        ${linkButton('Download my data', '/api/v1/account/export', {
          icon: 'download',
          attributes: { download: true },
        })}
        ${opener('Lock my account', 'lock-account')}
        ${opener('Delete my account', 'delete-account')}
      </div>`,
      lockDialog(keeping),
      confirmation({
        id: 'delete-account',
        title: 'Delete your account?',
        lost: [
          'Your servers lose their addresses, and whoever you share them with cannot reach them any more.',
          'Your logins, passkeys and tokens are gone. Nobody can bring them back.',
        ],
        call: 'DELETE /api/v1/account',
        after: 'go /',
        typed: keeping.account.username,
        confirm: 'Delete my account',
      }),
    ],
  });
}

/** Whoever has no way back learns it before, and not at the door. */
function lockDialog({ account, codesLeft }: Keeping): Markup {
  const hasCodes = codesLeft > 0;
  const isAdmin = account.role === 'admin';
  return confirmation({
    id: 'lock-account',
    title: 'Lock your account?',
    lost: [
      'Every browser is signed out, this one too.',
      'Trusted browsers, tokens, approved devices, passkeys and the authenticator app are forgotten.',
      hasCodes
        ? `Only a recovery code opens the account again, or whoever runs this hub. You have ${codesLeft} left, one less if you prove with one that it is you.`
        : html`<p>
            <strong>You have no recovery codes.</strong> Nothing that you have will open the account
            again, only ${isAdmin ? 'another admin' : 'whoever runs this hub'}. If there is time,
            <a href="#recovery" data-closes>make recovery codes</a> first.
          </p>`,
      !hasCodes && isAdmin && 'The hub refuses it while there is no other admin to let you in.',
    ].filter((each) => each !== false),
    call: 'POST /api/v1/account/lockout',
    after: 'go /sign-in',
    said: hasCodes
      ? 'Your account is locked. A recovery code that is left opens it, or whoever runs this hub.'
      : 'Your account is locked. Whoever runs this hub can open it.',
    confirm: 'Lock my account',
  });
}
