// Nothing arrives; the dialog leaves that asks who is there before something weighty is done. islands/step-up.ts opens it.

import { html } from 'hono/html';

import { button } from './button.ts';
import { dialog } from './dialog.ts';
import { field } from './field.ts';
import type { Content, Markup } from './markup.ts';

/** Each way is hidden until the hub says that it will do. */
export function stepUpDialog(): Markup {
  return dialog({
    id: 'step-up',
    title: 'Is it you?',
    body: html`
      <p class="soft">This changes something important, so the hub asks again.</p>
      <p class="problem" role="alert" data-problem hidden></p>
      ${way('passkey', button('Continue with a passkey', { kind: 'primary', icon: 'passkey' }))}
      ${way(
        'totp',
        field({
          label: 'Code from your authenticator app',
          name: 'code',
          id: 'step-up-totp',
          autocomplete: 'one-time-code',
          isRequired: true,
          attributes: { inputmode: 'numeric', pattern: '[0-9]{6}', maxlength: 6, class: 'code' },
        }),
        button('Continue', { kind: 'primary' }),
      )}
      ${way(
        'email',
        html`<p class="soft" role="status" data-code-said>
          The hub can send a code to your e-mail address.
        </p>`,
        button('Send me a code', { attributes: { type: 'button', 'data-sends-code': true } }),
        field({
          label: 'Code from the e-mail',
          name: 'code',
          id: 'step-up-email',
          autocomplete: 'one-time-code',
          isRequired: true,
          attributes: { inputmode: 'numeric', pattern: '[0-9]{6}', maxlength: 6, class: 'code' },
        }),
        button('Continue', { kind: 'primary' }),
      )}
      ${way(
        'recovery',
        field({
          label: 'One of your recovery codes',
          name: 'code',
          id: 'step-up-recovery',
          isRequired: true,
          attributes: { class: 'code-long' },
        }),
        button('Continue', { kind: 'primary' }),
      )}
      ${way(
        'password',
        field({
          label: 'Your password',
          name: 'password',
          id: 'step-up-password',
          type: 'password',
          autocomplete: 'current-password',
          isRequired: true,
        }),
        button('Continue', { kind: 'primary' }),
      )}
      ${way('sso', button('Sign in at your provider again', { kind: 'primary', icon: 'link' }))}
      <div class="stack" data-other-ways></div>
    `,
  });
}

function way(method: string, ...body: readonly Content[]): Markup {
  return html`<form method="post" class="form" data-way="${method}" hidden>${body}</form>`;
}
