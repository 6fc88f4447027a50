// Enrolment tokens that nobody has used arrive; a card leaves where each is withdrawn.

import { html } from 'hono/html';

import { badge } from '../parts/badge.ts';
import { button } from '../parts/button.ts';
import { card } from '../parts/card.ts';
import { form } from '../parts/form.ts';
import { itemList, type Item } from '../parts/item-list.ts';
import type { Markup } from '../parts/markup.ts';
import { moment } from '../parts/moment.ts';
import type { OpenTokenAnswer } from '../server-answers.ts';

export function openTokensCard(open: readonly OpenTokenAnswer[]): Markup {
  return card({
    title: 'Open tokens',
    lead: 'Made, and not used yet. Whoever has one can add a server in its owner’s name.',
    id: 'open-tokens',
    body: itemList('Open tokens', open.map(tokenItem)),
  });
}

function tokenItem(token: OpenTokenAnswer): Item {
  const { id, access, label, server_id: serverId, cidr } = token;
  const until = new Date(token.expires_at);
  return {
    icon: 'key',
    title: label ?? 'Without an address',
    badges: [
      serverId !== null && badge('For an existing server'),
      access === 'admin' && badge('Somebody else’s'),
    ],
    detail: html`${id}, made ${moment(new Date(token.created_at))}, good until
    ${moment(until)}${cidr !== null && `, only from ${cidr}`}`,
    actions: form({
      call: `DELETE /api/v1/enrolment-tokens/${id}`,
      after: 'reload',
      said: 'The token is withdrawn: it enrols nobody any more.',
      body: button('Withdraw', { kind: 'quiet', spoken: `Withdraw the token ${label ?? id}` }),
    }),
  };
}
