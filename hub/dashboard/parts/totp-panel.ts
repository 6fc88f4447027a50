// Nothing arrives; the empty place for a new secret of an authenticator app leaves, and the field for its first code. islands/factors.ts fills it.

import { html } from 'hono/html';

import { button } from './button.ts';
import { field } from './field.ts';
import { form } from './form.ts';
import type { Markup } from './markup.ts';
import { copyButton } from './secret.ts';

export function totpPanel(): Markup {
  return html`<div class="totp" data-totp hidden>
    <ol class="steps">
      <li>
        <p>Scan this with your authenticator app.</p>
        <img
          class="qr"
          data-totp-qr
          alt="QR code for your authenticator app"
          width="208"
          height="208"
        />
        <details>
          <summary>It cannot scan</summary>
          <div class="copyable">
            <div class="copyable-head"><span>Secret</span>${copyButton('totp-secret')}</div>
            <pre id="totp-secret" tabindex="0" aria-label="Secret"></pre>
          </div>
        </details>
      </li>
      <li>
        ${form({
          call: 'POST /api/v1/account/totp/confirm',
          id: 'totp-form',
          body: [
            field({
              label: 'Type the code that it shows',
              name: 'code',
              id: 'totp-code',
              autocomplete: 'one-time-code',
              isRequired: true,
              attributes: {
                inputmode: 'numeric',
                pattern: '[0-9]{6}',
                maxlength: 6,
                class: 'code',
              },
            }),
            html`<div class="stack">${button('Confirm', { kind: 'primary' })}</div>`,
          ],
        })}
      </li>
    </ol>
  </div>`;
}
