// Somebody with a media server at home arrives; the page leaves that gives its agent a token, and turns green when it connects.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../accounts/caller.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { button, linkButton } from '../parts/button.ts';
import { callout } from '../parts/callout.ts';
import { card } from '../parts/card.ts';
import { field, select } from '../parts/field.ts';
import { form, formActions } from '../parts/form.ts';
import { icon } from '../parts/icon.ts';
import type { Markup } from '../parts/markup.ts';
import { copyButton } from '../parts/secret.ts';
import type { HubReading } from '../reading.ts';
import { forbiddenPage } from './failures.ts';
import { openTokensCard } from './open-tokens-card.ts';

export async function newServerPage(
  context: Context<DashboardEnv>,
  caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  if (caller.account.role === 'member')
    return forbiddenPage(
      context,
      'Your account looks at servers of others. Ask an admin to make you an owner, then add your own.',
    );
  const open = await hub.askAll('enrolment-tokens.list');
  return appPage(context, {
    title: 'Add a server',
    here: 'servers',
    back: { href: '/servers', text: 'Servers' },
    lead: 'Three steps: make a token, paste it at home, and wait for the tick.',
    islands: ['new-server'],
    body: [
      html`<div data-stage="ask">${askCard()} ${open.length > 0 && openTokensCard(open)}</div>`,
      html`<div data-stage="paste" hidden>${pasteCard()}</div>`,
      html`<div data-stage="done" hidden>${doneCard()}</div>`,
    ],
  });
}

function askCard(): Markup {
  return card({
    title: '1. Make a token',
    lead: 'It lets one agent in, once. From then on the agent has a key of its own.',
    body: form({
      call: 'POST /api/v1/enrolment-tokens',
      id: 'new-server',
      body: [
        field({
          label: 'Address (optional)',
          name: 'label',
          hint: 'The first word of its address: movies. Left empty, the agent’s own name decides; you can change it later.',
          attributes: { maxlength: 63, pattern: '[A-Za-z0-9]([A-Za-z0-9\\-]*[A-Za-z0-9])?' },
        }),
        select({
          label: 'The token is good for',
          name: 'life_seconds',
          value: '3600',
          attributes: { 'data-number': true },
          choices: [
            { value: '900', label: 'A quarter of an hour' },
            { value: '3600', label: 'An hour' },
            { value: '86400', label: 'A day' },
            { value: '604800', label: 'A week' },
          ],
        }),
        formActions(button('Make the token', { kind: 'primary', icon: 'plus' })),
      ],
    }),
  });
}

const ways = [
  {
    id: 'docker',
    title: 'Docker',
    before: html`Makes the image, which no registry has, and starts it.`,
  },
  {
    id: 'compose',
    title: 'Compose',
    before: html`Makes the image, and keeps the files of the agent in <code>~/phlix-agent</code>.`,
  },
  {
    id: 'systemd',
    title: 'systemd',
    before: html`For Debian and Ubuntu: a service that starts with the machine, as a user of its
    own.`,
  },
] as const;

function pasteCard(): Markup {
  return card({
    title: '2. Start the agent at home',
    lead: 'On the machine of your media server, or on one beside it: copy one of these, and paste it into a terminal in the folder of Phlix Hub.',
    body: [
      html`<div class="choices" role="tablist" aria-label="How the agent runs">
        ${ways.map(
          ({ id, title }, at) =>
            html`<button
              type="button"
              role="tab"
              class="choice"
              id="way-${id}"
              aria-controls="panel-${id}"
              aria-selected="${at === 0 ? 'true' : 'false'}"
              tabindex="${at === 0 ? 0 : -1}"
            >
              ${title}
            </button>`,
        )}
      </div>`,
      ways.map((way, at) => wayPanel(way, at === 0)),
      html`<div class="setup">
        <div class="secret" data-secret>
          <div class="copyable-head"><span>In another way</span>${copyButton('setup-env')}</div>
          <output id="setup-env" class="secret-text"></output>
          <p class="hint">
            These settings are all that an agent needs, on a NAS or elsewhere. The token is shown
            this once and ends <span id="setup-expires"></span>. To try it without a service, save
            them as <code>phlix-agent.env</code>:
            <code>set -a; . ./phlix-agent.env; npx phlix-agent</code>
          </p>
        </div>
        <figure class="setup-qr">
          <img id="setup-qr" class="qr" alt="QR code of the same lines" width="208" height="208" />
          <figcaption class="hint">The same lines, for a camera</figcaption>
        </figure>
      </div>`,
      html`<div class="waiting" role="status">
        <span class="spinner" aria-hidden="true"></span>
        <div>
          <p class="callout-title">3. Waiting for the agent</p>
          <p class="soft">
            This page notices by itself. You can leave it: the server appears in your list.
          </p>
        </div>
      </div>`,
      html`<div data-late hidden>
        ${callout({
          tone: 'warn',
          title: 'Nothing yet?',
          body: html`Run <code>phlix-agent doctor</code> beside the agent: it tries each part of the
            way and says what to change. The agent’s log says the same.`,
        })}
      </div>`,
    ],
  });
}

function wayPanel({ id, title, before }: (typeof ways)[number], isFirst: boolean): Markup {
  return html`<div
    role="tabpanel"
    id="panel-${id}"
    aria-labelledby="way-${id}"
    tabindex="0"
    ${!isFirst && html`hidden`}
  >
    <p class="hint">${before}</p>
    <div class="copyable">
      <div class="copyable-head"><span>${title}</span>${copyButton(`setup-${id}`)}</div>
      <pre id="setup-${id}" tabindex="0" aria-label="${title}"></pre>
    </div>
  </div>`;
}

function doneCard(): Markup {
  return card({
    body: html`<div class="empty">
      <span class="empty-icon good">${icon('check')}</span>
      <h2 id="done-title" tabindex="-1"><span data-done-name>Your server</span> is online</h2>
      <p>It can be reached at <a data-done-address href="/servers"></a>.</p>
      <div class="actions">
        ${linkButton('Look at it', '/servers', { kind: 'primary', attributes: { 'data-done-link': true } })}
        ${linkButton('Add another', '/servers/new')}
      </div>
    </div>`,
  });
}
