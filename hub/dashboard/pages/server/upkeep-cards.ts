// What happened to a server, what it may move, and its end arrive; cards leave for each.

import { html } from 'hono/html';

import { bytesText } from '../../islands/amounts.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation, dialog } from '../../parts/dialog.ts';
import { field } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import type { IconName } from '../../parts/icon.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import type { EventAnswer, LimitsAnswer, ServerInFull } from '../../server-answers.ts';

interface EventWords {
  readonly icon: IconName;
  readonly say: (detail: EventAnswer['detail']) => string;
}

const eventWords: Readonly<Record<string, EventWords>> = {
  connected: {
    icon: 'check',
    say: ({ software, address }) =>
      `Connected${address === undefined ? '' : ` from ${address}`}${software === undefined ? '' : `, ${software}`}`,
  },
  disconnected: {
    icon: 'alert',
    say: ({ reason }) => `Disconnected${reason === undefined ? '' : `: ${reason}`}`,
  },
  renamed: {
    icon: 'link',
    say: ({ from, to }) => `Renamed from ${from ?? 'no name'} to ${to ?? 'no name'}`,
  },
  'agent-updated': {
    icon: 'download',
    say: ({ from, to }) => `Agent updated from ${from ?? 'unknown'} to ${to ?? 'unknown'}`,
  },
  'certificate-renewed': {
    icon: 'lock',
    say: ({ names }) => `Certificate renewed${names === undefined ? '' : ` for ${names}`}`,
  },
};

export function eventsCard(events: readonly EventAnswer[]): Markup {
  return card({
    title: 'Events',
    body:
      events.length === 0
        ? html`<p class="soft">
            Nothing yet. Connections, renames, updates and certificates are listed here.
          </p>`
        : itemList(
            'Events',
            events.map(({ kind, detail, at }) => {
              const words = eventWords[kind];
              return {
                icon: words?.icon ?? 'clock',
                title: words?.say(detail) ?? kind,
                detail: moment(new Date(at)),
              };
            }),
          ),
  });
}

const gigabyte = 1e9;

/** `path`: whose limits they are, `/api/v1/servers/42`. */
export function limitsCard(path: string, limits: LimitsAnswer): Markup {
  const { bytes_per_month: bytes, megabits_per_second: rate, streams } = limits;
  const none = bytes === null && rate === null && streams === null;
  return card({
    title: 'Limits',
    lead: none
      ? 'None. Everything may pass, as fast as the line goes.'
      : 'Beyond a limit visitors read why; nothing that plays is cut.',
    actions: opener('Change', 'limits'),
    body: [
      html`<dl class="facts">
        <dt>This month</dt>
        <dd>${bytesText(limits.bytes_this_month)}${bytes !== null && ` of ${bytesText(bytes)}`}</dd>
        <dt>Rate</dt>
        <dd>${rate === null ? 'no limit' : `${rate} Mbit/s`}</dd>
        <dt>At once</dt>
        <dd>${streams === null ? 'no limit' : `${streams} exchanges`}</dd>
      </dl>`,
      dialog({
        id: 'limits',
        title: 'Limits of traffic',
        body: form({
          call: `PUT ${path}/limits`,
          after: 'reload',
          said: 'The limits are in force.',
          body: [
            field({
              label: 'Gigabytes in a month',
              name: 'bytes_per_month',
              type: 'number',
              value: bytes === null ? undefined : bytes / gigabyte,
              hint: 'Both ways together, by the calendar month. Empty: no limit.',
              attributes: {
                min: 1,
                max: 1_000_000,
                step: 'any',
                'data-null': true,
                'data-times': gigabyte,
              },
            }),
            field({
              label: 'Megabits in a second',
              name: 'megabits_per_second',
              type: 'number',
              value: rate ?? undefined,
              hint: 'What comes faster waits; nothing is lost.',
              attributes: { min: 1, max: 100_000, step: 'any', 'data-null': true },
            }),
            field({
              label: 'Exchanges at once',
              name: 'streams',
              type: 'number',
              value: streams ?? undefined,
              hint: 'A page asks for a dozen things at once, a film for one.',
              attributes: { min: 1, max: 100_000, 'data-null': true },
            }),
            formActions(button('Set the limits', { kind: 'primary' })),
          ],
        }),
      }),
    ],
  });
}

export function endCard(server: ServerInFull): Markup {
  const { id, name, label, addresses } = server;
  return card({
    title: 'Revoke',
    lead: 'For a server that is sold, lost, or yours no more.',
    actions: opener('Revoke this server', 'revoke', { kind: 'danger', icon: 'trash' }),
    body: confirmation({
      id: 'revoke',
      title: `Revoke ${name}?`,
      lost: [
        'Whoever is watching is cut off at once, and the agent at home is locked out for good.',
        addresses.length === 0
          ? 'It has no address.'
          : `${addresses.map((address) => new URL(address).host).join(' and ')} stop answering; the name goes into quarantine, and links to it break.`,
        'Its own domains are dropped, and its certificates are given up.',
        'To come back, it has to be added as a new server.',
      ],
      typed: label ?? name,
      call: `DELETE /api/v1/servers/${id}`,
      after: 'go /servers',
      confirm: 'Revoke it for good',
      said: `${name} is revoked.`,
    }),
  });
}

export function renameDialog({ id, label, name }: ServerInFull): Markup {
  return dialog({
    id: 'rename',
    title: `Rename ${name}`,
    body: form({
      call: `PATCH /api/v1/servers/${id}`,
      after: 'reload',
      said: 'It has a new address.',
      body: [
        field({
          label: 'New address',
          name: 'label',
          value: label ?? undefined,
          isRequired: true,
          hint: 'The first word of its address. The old address stops working at once, and apps have to be told the new one.',
          attributes: { maxlength: 63 },
        }),
        formActions(button('Rename', { kind: 'primary' })),
      ],
    }),
  });
}
