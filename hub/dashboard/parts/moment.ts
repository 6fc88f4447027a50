// A moment arrives; a time element leaves that reads in UTC, and in the reader's own time once the island has run.

import { html } from 'hono/html';

import type { Markup } from './markup.ts';

/** "3 minutes ago", with the date on hovering; `nothing` where it never was. */
export function moment(at: Date | undefined, nothing = 'never'): Markup {
  if (at === undefined) return html`${nothing}`;
  return html`<time datetime="${at.toISOString()}" data-relative>${written(at)}</time>`;
}

/** The date, for what lies ahead or long ago. */
export function day(at: Date | undefined, nothing = 'never'): Markup {
  if (at === undefined) return html`${nothing}`;
  return html`<time datetime="${at.toISOString()}" data-day>${written(at).slice(0, 10)}</time>`;
}

function written(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
