// A state in a word arrives; a pill leaves whose colour says the same, with a dot for what lives.

import { html } from 'hono/html';

import type { Markup } from './markup.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'calm' | 'accent';

/** The word carries the meaning; the colour only repeats it. */
export function badge(text: string, tone: Tone = 'calm'): Markup {
  return html`<span class="badge ${tone}">${text}</span>`;
}

/** A state that changes by itself: online, connecting, offline. */
export function stateBadge(text: string, tone: Tone): Markup {
  return html`<span class="badge state ${tone}"
    ><i class="dot" aria-hidden="true"></i>${text}</span
  >`;
}
