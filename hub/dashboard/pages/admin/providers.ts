// Identity providers arrive as they are set up; the page leaves where admins add, try, switch and remove them.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import { presetNames, presets } from '../../../accounts/sso/presets.ts';
import type { ProviderAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { badge } from '../../parts/badge.ts';
import { button, opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation, dialog } from '../../parts/dialog.ts';
import { emptyState } from '../../parts/empty-state.ts';
import { area, field, select, tick } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage } from './admin-page.ts';

const calls = '/api/v1/admin/sso/providers';

export async function providersPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const { items } = await hub.ask('sso.list');
  const add = opener('Add a provider', 'add-provider', { kind: 'primary', icon: 'plus' });
  return adminPage(context, '/admin/providers', {
    title: 'Single sign-on',
    lead: 'Where people sign in with an account that they have elsewhere: Authentik, Authelia, Keycloak, Pocket ID and others.',
    ...(items.length > 0 && { actions: add }),
    body: [
      items.length === 0
        ? card({
            body: emptyState({
              icon: 'link',
              title: 'No provider yet',
              body: 'Whoever has one in the house needs no further password for this hub.',
              action: add,
            }),
          })
        : items.map(providerCard),
      items.flatMap((provider) => [changeDialog(provider), removal(provider)]),
      addDialog(),
    ],
  });
}

function providerCard(provider: ProviderAnswer): Markup {
  const { id, name, preset, issuer, answered_at: answeredAt, is_enabled: isEnabled } = provider;
  return card({
    title: name,
    state: isEnabled ? badge('On', 'good') : badge('Off', 'warn'),
    lead: html`${presets[preset].title}, <code>${id}</code>.
      ${answeredAt === null ? 'It has never answered.' : html`Read ${moment(new Date(answeredAt))}.`}`,
    body: [
      html`<dl class="facts">
        ${fact('Issuer', issuer)} ${fact('Redirect address', provider.redirect_uri)}
        ${fact('Back-channel logout', provider.back_channel_logout_uri)}
      </dl>`,
      html`<div class="actions">
        ${form({
          call: `POST ${calls}/${id}/test`,
          after: 'reload',
          said: `${name} answers, and its keys are good.`,
          body: button('Try it', { spoken: `Try it: ${name}` }),
        })}
        ${switching(provider)} ${opener('Change', `change-${id}`, { spoken: `Change ${name}` })}
        ${opener('Remove', `remove-${id}`, { spoken: `Remove ${name}` })}
      </div>`,
    ],
  });
}

function fact(name: string, value: string): Markup {
  return html`<dt>${name}</dt>
    <dd><code>${value}</code></dd>`;
}

function switching({ id, name, is_enabled: isEnabled }: ProviderAnswer): Markup {
  const deed = isEnabled ? 'Switch off' : 'Switch on';
  return form({
    call: `PATCH ${calls}/${id}`,
    after: 'reload',
    said: isEnabled ? `${name} opens nothing now.` : `${name} is offered again.`,
    body: html`<input
        type="checkbox"
        name="is_enabled"
        hidden
        ${!isEnabled && html`checked`}
        aria-label="Offered at sign-in"
      />${button(deed, { spoken: `${deed}: ${name}` })}`,
  });
}

function changeDialog(provider: ProviderAnswer): Markup {
  const { id, name } = provider;
  return dialog({
    id: `change-${id}`,
    title: `Change ${name}`,
    body: form({
      call: `PATCH ${calls}/${id}`,
      after: 'reload',
      said: 'Saved.',
      body: [
        field({ label: 'Name', name: 'name', id: `${id}-name`, value: name, isRequired: true }),
        field({
          label: 'Client id',
          name: 'client_id',
          id: `${id}-client`,
          value: provider.client_id,
          isRequired: true,
        }),
        secretField(`${id}-secret`, 'Leave it empty to keep the one that is set.'),
        admissionTicks(`${id}-`, provider),
        groupFields(provider),
        formActions(button('Save', { kind: 'primary' })),
      ],
    }),
  });
}

function admissionTicks(
  prefix: string,
  now?: Pick<ProviderAnswer, 'creates_accounts' | 'links_by_email' | 'allow_private'>,
): Content {
  return [
    tick({
      label: 'Whoever comes by it gets an account',
      name: 'creates_accounts',
      id: `${prefix}creates`,
      isOn: now?.creates_accounts ?? false,
      hint: 'Otherwise people link it themselves under Security.',
    }),
    tick({
      label: 'Link people by their e-mail address',
      name: 'links_by_email',
      id: `${prefix}links`,
      isOn: now?.links_by_email ?? false,
      hint: 'Only where both sides have proven it, and never admins or accounts with a second factor.',
    }),
    tick({
      label: 'It is in a private network',
      name: 'allow_private',
      id: `${prefix}private`,
      isOn: now?.allow_private ?? false,
      hint: 'Otherwise the hub asks nobody at 192.168.0.0/16 and the like.',
    }),
  ];
}

/** Whose people become what, each time they come by it. */
function groupFields({ id, role_map: map }: ProviderAnswer): Content {
  const groups = (role: 'admin' | 'owner' | 'member', label: string): Markup =>
    area({
      label,
      name: `role_map.${role}`,
      id: `${id}-${role}`,
      value: map[role].join('\n'),
      rows: 2,
      attributes: { 'data-lines': true },
    });
  return html`<details>
    <summary>Groups there, and roles here</summary>
    <p class="hint">One group in each line. With none at all everybody keeps the role he has.</p>
    ${groups('admin', 'Groups of admins, who need a second factor there')}
    ${groups('owner', 'Groups of owners')} ${groups('member', 'Groups of members')}
  </details>`;
}

function secretField(id: string, hint: string): Markup {
  return field({
    label: 'Client secret',
    name: 'client_secret',
    id,
    type: 'password',
    hint,
    attributes: { maxlength: 1000 },
  });
}

function removal({ id, name }: ProviderAnswer): Markup {
  return confirmation({
    id: `remove-${id}`,
    title: `Remove ${name}?`,
    lost: [
      `Nobody signs in by ${name} any more, and every link to it is forgotten.`,
      'Whoever has no password and no passkey here cannot come in until an admin lets him.',
    ],
    call: `DELETE ${calls}/${id}`,
    confirm: 'Remove the provider',
    said: `${name} is removed.`,
    typed: id,
  });
}

function addDialog(): Markup {
  return dialog({
    id: 'add-provider',
    title: 'Add a provider',
    body: form({
      call: `POST ${calls}`,
      after: 'reload',
      said: 'Now enter its redirect address there, and try it.',
      body: [
        select({
          label: 'Product',
          name: 'preset',
          value: 'authentik',
          choices: presetNames.map((value) => ({ value, label: presets[value].title })),
        }),
        field({
          label: 'Short name',
          name: 'id',
          id: 'provider-id',
          isRequired: true,
          hint: 'Small letters and digits, such as home. It stands in the redirect address and stays.',
          attributes: { maxlength: 32, pattern: '[a-z0-9]([a-z0-9\\-]*[a-z0-9])?' },
        }),
        field({
          label: 'Issuer',
          name: 'issuer',
          type: 'url',
          isRequired: true,
          hint: html`Such as ${presets.authentik.issuer}, as the provider writes it.`,
        }),
        field({ label: 'Client id', name: 'client_id', isRequired: true }),
        secretField('client_secret', 'As the provider showed it. It is sealed, and never shown.'),
        admissionTicks('new-'),
        formActions(button('Add it', { kind: 'primary' })),
        steps(),
      ],
    }),
  });
}

/** What to do on the other side. */
function steps(): Markup {
  return html`<details>
    <summary>What to do at the provider</summary>
    ${presetNames.map(
      (name) =>
        html`<h3>${presets[name].title}</h3>
          <ul>
            ${presets[name].steps.map((step) => html`<li>${step}</li>`)}
          </ul>`,
    )}
  </details>`;
}
