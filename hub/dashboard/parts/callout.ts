// Something that people should know before they go on arrives; a box leaves that stands out as much as it matters.

import { html } from 'hono/html';

import type { Tone } from './badge.ts';
import { icon } from './icon.ts';
import type { Content, Markup } from './markup.ts';

export interface CalloutOptions {
  readonly tone?: Tone;
  readonly title?: string;
  readonly body: Content;
  readonly action?: Content;
}

export function callout({ tone = 'calm', title, body, action }: CalloutOptions): Markup {
  const picture =
    tone === 'good' ? 'check' : tone === 'warn' || tone === 'bad' ? 'alert' : 'shield';
  return html`<div class="callout ${tone}">
    ${icon(picture)}
    <div class="callout-words">
      ${title !== undefined && html`<p class="callout-title">${title}</p>`}
      <p>${body}</p>
    </div>
    ${action !== undefined && html`<div class="actions">${action}</div>`}
  </div>`;
}
