// Nothing arrives; the empty place for ten recovery codes leaves, with the ways to keep them. islands/recovery-codes.ts fills it.

import { html } from 'hono/html';

import { button } from './button.ts';
import type { Markup } from './markup.ts';

export function recoveryCodesPanel(): Markup {
  return html`<div data-recovery-codes hidden>
    <ol class="codes" id="recovery-codes" aria-label="Recovery codes"></ol>
    <div class="actions">
      ${button('Copy', {
        kind: 'quiet',
        icon: 'copy',
        attributes: { type: 'button', 'data-copies': 'recovery-codes' },
      })}
      ${button('Download', {
        kind: 'quiet',
        icon: 'download',
        attributes: { type: 'button', 'data-downloads-codes': true },
      })}
      ${button('Print', { kind: 'quiet', attributes: { type: 'button', 'data-prints': true } })}
    </div>
    <p class="hint">They are shown this once. A drawer or a password manager is a good place.</p>
  </div>`;
}
