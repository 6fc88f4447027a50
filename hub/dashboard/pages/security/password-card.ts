// Whether an account has a password arrives; the card to change it, or to set one, leaves.

import { html } from 'hono/html';

import { badge } from '../../parts/badge.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { dialog } from '../../parts/dialog.ts';
import { field } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import type { Markup } from '../../parts/markup.ts';
import type { Keeping } from './keeping.ts';

export function passwordCard(keeping: Keeping): Markup | undefined {
  const { hasPassword, takesPasswords, passkeys, totp, account } = keeping;
  if (!takesPasswords) return undefined;
  // Row A-01: a password that stands alone has to be longer.
  const least = passkeys.length > 0 || totp !== undefined ? 12 : 15;
  const deed = hasPassword ? 'Change password' : 'Set a password';
  const state = account.passwordBreached
    ? badge('Known from a leak', 'bad')
    : hasPassword
      ? badge('Set', 'good')
      : badge('None', 'calm');
  return card({
    title: 'Password',
    state,
    lead: hasPassword
      ? 'For browsers that have no passkey of yours.'
      : 'You sign in without one, which is safer. Set one for browsers that know no passkeys.',
    id: 'password',
    actions: opener(deed, 'change-password'),
    body: [
      dialog({
        id: 'change-password',
        title: deed,
        body: form({
          call: 'PUT /api/v1/account/password',
          after: 'reload',
          said: 'Your password is changed. Other browsers have been signed out.',
          body: [
            html`<input
              class="unseen"
              type="text"
              autocomplete="username"
              value="${account.username}"
              readonly
              tabindex="-1"
              aria-hidden="true"
            />`,
            field({
              label: 'New password',
              name: 'new_password',
              type: 'password',
              autocomplete: 'new-password',
              isRequired: true,
              hint: `At least ${least} characters. Four or five words in a row are easy to keep and hard to guess.`,
              attributes: { minlength: least, maxlength: 256 },
            }),
            formActions(button(deed, { kind: 'primary' })),
          ],
        }),
      }),
    ],
  });
}
