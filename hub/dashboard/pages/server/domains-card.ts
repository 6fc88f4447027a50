// Domains that a server's owner has claimed arrive; a card leaves that says how each stands, and which records are missing.

import { html } from 'hono/html';

import { badge } from '../../parts/badge.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation, dialog } from '../../parts/dialog.ts';
import { field } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import { itemList } from '../../parts/item-list.ts';
import type { Markup } from '../../parts/markup.ts';
import type { DomainAnswer } from '../../server-answers.ts';

const domainStates: Readonly<
  Record<DomainAnswer['state'], readonly [string, 'good' | 'warn' | 'bad' | 'calm']>
> = {
  waiting: ['Waiting for DNS', 'warn'],
  active: ['Active', 'good'],
  unreachable: ['Leads elsewhere', 'bad'],
  withdrawn: ['Proof is gone', 'bad'],
  dropped: ['Dropped', 'calm'],
};

export function domainsCard(
  serverId: string,
  domains: readonly DomainAnswer[],
  isOwned: boolean,
): Markup {
  const add = opener('Add a domain', 'add-domain', { icon: 'plus' });
  const call = `/api/v1/servers/${serverId}/domains`;
  return card({
    title: 'Your own domains',
    lead: 'Beside the hub’s address, a server answers under names that you own.',
    ...(isOwned && { actions: add }),
    body: [
      domains.length === 0
        ? html`<p class="soft">None. A domain is proven by two records in its DNS.</p>`
        : itemList(
            'Domains',
            domains.map((domain) => ({
              icon: 'link',
              title: domain.hostname,
              badges: badge(...domainStates[domain.state]),
              detail: html`${domain.why}${domain.state !== 'active' && records(domain)}`,
              ...(isOwned && {
                actions: html`${form({
                  call: `POST ${call}/${domain.id}/check`,
                  after: 'reload',
                  body: button('Look again', {
                    kind: 'quiet',
                    spoken: `Look again at ${domain.hostname}`,
                  }),
                })}${opener('Remove', `remove-${domain.id}`, {
                  kind: 'quiet',
                  spoken: `Remove ${domain.hostname}`,
                })}`,
              }),
            })),
          ),
      domains.map((domain) =>
        confirmation({
          id: `remove-${domain.id}`,
          title: `Remove ${domain.hostname}?`,
          lost: [
            `Visitors of ${domain.hostname} get an error from now on.`,
            'Its certificate is given up.',
          ],
          call: `DELETE ${call}/${domain.id}`,
          confirm: 'Remove the domain',
          said: `${domain.hostname} is removed.`,
        }),
      ),
      dialog({
        id: 'add-domain',
        title: 'Add a domain',
        body: form({
          call: `POST ${call}`,
          after: 'reload',
          said: 'Now set the two records in its DNS.',
          body: [
            field({
              label: 'Domain',
              name: 'hostname',
              isRequired: true,
              hint: 'Such as films.example.org. The records to set are shown next.',
            }),
            formActions(button('Add the domain', { kind: 'primary' })),
          ],
        }),
      }),
    ],
  });
}

function records({ proof_record: proof, alias_record: alias }: DomainAnswer): Markup {
  return html`<span class="records">
    ${[proof, alias].map(({ type, name, value }) => html`<code>${name} ${type} ${value}</code>`)}
  </span>`;
}
