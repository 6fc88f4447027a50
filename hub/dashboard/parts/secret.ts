// Something to be copied arrives; a box with a copy button leaves. What is shown once says so.

import { html } from 'hono/html';

import { icon } from './icon.ts';
import type { Markup } from './markup.ts';

/** Copies the text of the element with this id. */
export function copyButton(sourceId: string, what = 'Copy'): Markup {
  return html`<button type="button" class="button quiet copy" data-copies="${sourceId}">
    ${icon('copy')}<span>${what}</span>
  </button>`;
}

/** Text to copy: an address, a command, a file. */
export function copyable(id: string, label: string, text: string): Markup {
  return html`<div class="copyable">
    <div class="copyable-head"><span>${label}</span>${copyButton(id)}</div>
    <pre id="${id}" tabindex="0" aria-label="${label}">${text}</pre>
  </div>`;
}

/** An empty place for a secret that an island fills in from the answer of a call, and that nobody gets to see again. */
export function secretOnce(id: string, label: string, hint: string): Markup {
  return html`<div class="secret" data-secret hidden>
    <div class="copyable-head"><span>${label}</span>${copyButton(id)}</div>
    <output id="${id}" class="secret-text"></output>
    <p class="hint">${hint}</p>
  </div>`;
}
