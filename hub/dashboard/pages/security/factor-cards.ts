// Passkeys, the authenticator app and recovery codes of an account arrive; a card for each leaves.

import { html } from 'hono/html';

import type { Passkey } from '../../../accounts/factors/passkeys.ts';
import { badge } from '../../parts/badge.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation, dialog } from '../../parts/dialog.ts';
import { emptyState } from '../../parts/empty-state.ts';
import { field } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { day, moment } from '../../parts/moment.ts';
import { recoveryCodesPanel } from '../../parts/recovery-codes.ts';
import { totpPanel } from '../../parts/totp-panel.ts';
import type { Keeping } from './keeping.ts';

export function factorCards(keeping: Keeping): Content {
  return [passkeysCard(keeping), totpCard(keeping), recoveryCard(keeping)];
}

function passkeysCard({ passkeys }: Keeping): Markup {
  const add = button('Add a passkey', {
    kind: passkeys.length === 0 ? 'primary' : 'plain',
    icon: 'plus',
    attributes: { type: 'button', 'data-makes-passkey': true },
  });
  const none = emptyState({
    icon: 'passkey',
    title: 'No passkey yet',
    body: 'A passkey lives on your phone or computer and opens with your face, finger or PIN. Nobody can guess it, and no false page can ask for it.',
    action: add,
  });
  return card({
    title: 'Passkeys',
    lead: 'Sign in without a password.',
    id: 'passkeys',
    ...(passkeys.length > 0 && { actions: add }),
    body: [
      html`<p class="problem" role="alert" data-problem hidden></p>`,
      passkeys.length === 0 ? none : itemList('Passkeys', passkeys.map(passkeyItem)),
      passkeys.map(passkeyDialogs),
    ],
  });
}

function passkeyItem({ id, name, isBackedUp, createdAt, lastUsedAt }: Passkey) {
  return {
    icon: 'passkey',
    title: name,
    badges: isBackedUp && badge('Synced', 'accent'),
    detail: html`Since ${day(createdAt)},
    ${lastUsedAt === undefined ? 'not used yet' : html`last used ${moment(lastUsedAt)}`}`,
    actions: [
      opener('Rename', `rename-${id}`, { kind: 'quiet', spoken: `Rename ${name}` }),
      opener('Remove', `remove-${id}`, { kind: 'quiet', spoken: `Remove ${name}` }),
    ],
  } as const;
}

function passkeyDialogs({ id, name }: Passkey): Content {
  return [
    dialog({
      id: `rename-${id}`,
      title: 'Rename the passkey',
      body: form({
        call: `PATCH /api/v1/account/passkeys/${id}`,
        after: 'reload',
        body: [
          field({
            label: 'Name',
            name: 'name',
            id: `name-${id}`,
            value: name,
            isRequired: true,
            attributes: { maxlength: 64 },
          }),
          formActions(button('Rename', { kind: 'primary' })),
        ],
      }),
    }),
    confirmation({
      id: `remove-${id}`,
      title: `Remove ${name}?`,
      lost: [
        'The hub will not accept this passkey any more. It may still stand in the list of your device: delete it there as well.',
      ],
      call: `DELETE /api/v1/account/passkeys/${id}`,
      confirm: 'Remove the passkey',
      said: 'The passkey is removed.',
    }),
  ];
}

function totpCard({ totp }: Keeping): Markup {
  return card({
    title: 'Authenticator app',
    state: totp === undefined ? badge('Not set up') : badge('On', 'good'),
    lead: html`An app that shows a new code of six digits every half
    minute.${totp !== undefined && html` Since ${day(totp.confirmedAt)}.`}`,
    id: 'authenticator',
    actions:
      totp === undefined
        ? startTotp('Set it up')
        : [startTotp('Replace it'), opener('Remove', 'remove-totp', { kind: 'quiet' })],
    body: [
      html`<p class="problem" role="alert" data-problem hidden></p>`,
      totpPanel(),
      totp !== undefined &&
        confirmation({
          id: 'remove-totp',
          title: 'Remove the authenticator app?',
          lost: [
            'Its codes open nothing any more. Keep a passkey, or your account has one lock only.',
          ],
          call: 'DELETE /api/v1/account/totp',
          confirm: 'Remove it',
          said: 'The authenticator app is removed.',
        }),
    ],
  });
}

function startTotp(text: string): Markup {
  return button(text, { attributes: { type: 'button', 'data-starts-totp': true } });
}

function recoveryCard({ codesLeft }: Keeping): Markup {
  return card({
    title: 'Recovery codes',
    state: badge(codesLeft === 0 ? 'None' : `${codesLeft} left`, codesLeft > 2 ? 'good' : 'warn'),
    lead: 'Spare keys for the day your phone is lost. Each works once.',
    id: 'recovery',
    actions: opener('Make new codes', 'new-recovery-codes'),
    body: [
      recoveryCodesPanel(),
      confirmation({
        id: 'new-recovery-codes',
        title: 'Make new recovery codes?',
        lost: [
          codesLeft === 0
            ? 'Ten codes are made, and shown once.'
            : `The ${codesLeft} that you have stop working at once. Ten new ones are made, and shown once.`,
        ],
        call: 'POST /api/v1/account/recovery-codes',
        after: '',
        confirm: 'Make new codes',
      }),
    ],
  });
}
