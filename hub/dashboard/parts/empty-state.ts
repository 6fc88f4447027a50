// A place with nothing in it yet arrives; what it is for and how to begin leaves.

import { html } from 'hono/html';

import { icon, type IconName } from './icon.ts';
import type { Content, Markup } from './markup.ts';

export interface EmptyStateOptions {
  readonly icon: IconName;
  readonly title: string;
  readonly body: Content;
  readonly action?: Content;
}

export function emptyState(options: EmptyStateOptions): Markup {
  return html`<div class="empty">
    <span class="empty-icon">${icon(options.icon)}</span>
    <p class="empty-title">${options.title}</p>
    <p>${options.body}</p>
    ${options.action !== undefined && html`<div class="actions">${options.action}</div>`}
  </div>`;
}
