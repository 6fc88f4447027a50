// Somebody with a code from a screen arrives (RFC 8628 §3.3); the page leaves that says who asks, warns, and lets them decide.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { button } from '../parts/button.ts';
import { callout } from '../parts/callout.ts';
import { field } from '../parts/field.ts';
import { form, formActions } from '../parts/form.ts';
import type { Markup } from '../parts/markup.ts';
import { stepUpDialog } from '../parts/step-up-dialog.ts';

/** A code fills its field and no more: whoever follows a link or scans a picture still compares it and decides. */
export async function devicePage(context: Context<DashboardEnv>): Promise<Response> {
  const code = (context.req.query('code') ?? '').slice(0, 16);
  return doorPage(context, {
    title: 'Let a device in',
    islands: ['device'],
    body: html`
      <div data-step="code">
        ${doorCard({
          title: 'Let a device in',
          lead: 'Type the code that your television or app shows.',
          body: form({
            call: 'POST /api/v1/devices/lookup',
            id: 'device-code',
            body: [
              field({
                label: 'Code',
                name: 'user_code',
                value: code,
                isRequired: true,
                hint: 'Eight letters, such as WDJB-MJHT.',
                attributes: { class: 'code', maxlength: 16, autocapitalize: 'characters' },
              }),
              html`<div class="stack">${button('Continue', { kind: 'primary' })}</div>`,
            ],
          }),
        })}
      </div>
      <div data-step="decide" hidden>${decision()}</div>
      <div data-step="done" hidden>
        ${doorCard({
          title: 'Done',
          lead: html`<span data-device-said></span>`,
          body: html`<a class="button plain" href="/devices">Your devices</a>`,
        })}
      </div>
      ${stepUpDialog()}
    `,
  });
}

function decision(): Markup {
  return doorCard({
    title: 'Is this your device?',
    lead: 'Let it in only if you hold it in your hands, or it stands before you.',
    body: [
      html`<p class="user-code" data-device="code"></p>`,
      html`<dl class="facts">
        <dt>Device</dt>
        <dd data-device="name"></dd>
        <dt>App</dt>
        <dd data-device="app"></dd>
        <dt>Asks from</dt>
        <dd data-device="address"></dd>
        <dt>Wants to</dt>
        <dd>see your servers, and play from them</dd>
      </dl>`,
      html`<div data-device-elsewhere hidden>
        ${callout({
          tone: 'warn',
          title: 'It is not in your network',
          body: 'If somebody sent you this code, refuse it: whoever has the device then sees your servers.',
        })}
      </div>`,
      form({
        call: 'POST /api/v1/devices/approve',
        id: 'device-decision',
        body: [
          html`<input type="hidden" name="user_code" />`,
          formActions(
            button('Refuse', { attributes: { type: 'button', 'data-refuses': true } }),
            button('Let it in', { kind: 'primary' }),
          ),
        ],
      }),
    ],
  });
}
