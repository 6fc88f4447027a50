// How a server is called and certified arrives; cards leave that show it.

import { html } from 'hono/html';

import { badge } from '../../parts/badge.ts';
import { button } from '../../parts/button.ts';
import { callout } from '../../parts/callout.ts';
import { card } from '../../parts/card.ts';
import { form } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { day, moment } from '../../parts/moment.ts';
import { copyable } from '../../parts/secret.ts';
import type { CertificateAnswer, ServerInFull } from '../../server-answers.ts';

export function factsCard(server: ServerInFull, agent: string | undefined): Markup {
  const [address] = server.addresses;
  return card({
    title: 'Address',
    body: [
      address === undefined
        ? callout({
            tone: 'warn',
            title: 'It has no address yet',
            body: 'Its agent asked for none. Give it a name, and visitors find it there.',
          })
        : copyable('address', 'What visitors open', address),
      html`<dl class="facts">
        <dt>Agent</dt>
        <dd>${agent ?? 'not known before it connects'}</dd>
        <dt>Enrolled</dt>
        <dd>${day(new Date(server.created_at))}</dd>
        <dt>Last seen</dt>
        <dd>
          ${
            server.is_connected
              ? 'connected now'
              : moment(server.last_seen_at === null ? undefined : new Date(server.last_seen_at))
          }
        </dd>
        <dt>TLS</dt>
        <dd>${server.switches.min_tls} or newer, HTTP/2 ${server.switches.http2 ? 'on' : 'off'}</dd>
      </dl>`,
    ],
  });
}

export function certificateCard(
  serverId: string,
  certificates: readonly CertificateAnswer[],
  isOwned: boolean,
): Markup {
  return card({
    title: 'Certificate',
    body:
      certificates.length === 0
        ? html`<p class="soft">
            None yet. It is ordered when the server has an address, and renewed by itself.
          </p>`
        : itemList(
            'Certificates',
            certificates.map((one) => ({
              icon: 'lock',
              title: one.names.join(', '),
              badges: certificateBadge(one),
              detail: certificateWords(one),
              ...(isOwned &&
                one.id !== null &&
                one.server_id === serverId && {
                  actions: form({
                    call: `POST /api/v1/servers/${serverId}/certificates/${one.id}/renew`,
                    after: 'reload',
                    said: 'A new certificate is ordered.',
                    body: button('Renew now', { kind: 'quiet' }),
                  }),
                }),
            })),
          ),
  });
}

function certificateBadge({ not_after: end, last_error: error }: CertificateAnswer): Markup {
  if (end === null) return badge('Being ordered', 'warn');
  if (new Date(end).getTime() <= Date.now()) return badge('Expired', 'bad');
  return error === null ? badge('Good', 'good') : badge('Renewal in trouble', 'warn');
}

function certificateWords(one: CertificateAnswer): Content {
  if (one.not_after === null) return one.last_error?.message ?? 'The authority was asked.';
  return html`Until
  ${day(new Date(one.not_after))}${
    one.renews_at !== null && html`, renewed around ${day(new Date(one.renews_at))}`
  }${one.last_error !== null && html`. ${one.last_error.message}`}`;
}
