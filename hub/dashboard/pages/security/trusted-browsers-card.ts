// Browsers that are asked for the password alone arrive; the card leaves that takes this from them again.

import { html } from 'hono/html';

import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation } from '../../parts/dialog.ts';
import { form } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Markup } from '../../parts/markup.ts';
import { day, moment } from '../../parts/moment.ts';
import type { Keeping } from './keeping.ts';

export function trustedBrowsersCard({ browsers }: Keeping): Markup | undefined {
  if (browsers.length === 0) return undefined;
  return card({
    title: 'Trusted browsers',
    lead: 'They are asked for your password only, until the day that stands there.',
    id: 'trusted-browsers',
    ...(browsers.length > 1 && {
      actions: opener('Forget all', 'forget-browsers', { kind: 'quiet' }),
    }),
    body: [
      itemList(
        'Trusted browsers',
        browsers.map(({ id, software, lastUsedAt, expiresAt }) => ({
          icon: 'desktop',
          title: software,
          detail: html`Used ${moment(lastUsedAt)}, trusted until ${day(expiresAt)}`,
          actions: form({
            call: `DELETE /api/v1/account/trusted-browsers/${id}`,
            after: 'reload',
            said: 'That browser is asked for everything again.',
            body: button('Forget', { kind: 'quiet', spoken: `Forget ${software}` }),
          }),
        })),
      ),
      confirmation({
        id: 'forget-browsers',
        title: 'Forget all trusted browsers?',
        lost: ['Each of them is asked for your second factor at its next sign-in.'],
        call: 'DELETE /api/v1/account/trusted-browsers',
        confirm: 'Forget all',
      }),
    ],
  });
}
