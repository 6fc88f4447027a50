// What a button says and does arrives; a button, or a link that looks like one, leaves.

import { html } from 'hono/html';

import { icon, type IconName } from './icon.ts';
import { attributes, type Attributes, type Markup } from './markup.ts';

/** One `primary` per view; `danger` takes something away for good; `quiet` stands in rows. */
type ButtonKind = 'primary' | 'plain' | 'quiet' | 'danger';

export interface ButtonOptions {
  readonly kind?: ButtonKind;
  readonly icon?: IconName;
  /** `data-opens="dialog-id"` opens a dialog, `data-closes` closes the one around it. */
  readonly attributes?: Attributes;
  /** What readers of screens hear instead, where ten rows have the same button: "Revoke Firefox on Windows". */
  readonly spoken?: string;
}

/** Submits the form around it, unless `attributes` say `type: 'button'`. */
export function button(text: string, options: ButtonOptions = {}): Markup {
  const given = { type: 'submit', ...options.attributes, 'aria-label': options.spoken };
  return html`<button class="button ${options.kind ?? 'plain'}" ${attributes(given)}>
    ${options.icon && icon(options.icon)}<span>${text}</span>
  </button>`;
}

/** A button that opens the dialog with this id. */
export function opener(text: string, dialogId: string, options: ButtonOptions = {}): Markup {
  const given = { type: 'button', 'data-opens': dialogId, ...options.attributes };
  return button(text, { ...options, attributes: given });
}

export function linkButton(text: string, href: string, options: ButtonOptions = {}): Markup {
  const given = { href, ...options.attributes, 'aria-label': options.spoken };
  return html`<a class="button ${options.kind ?? 'plain'}" ${attributes(given)}>
    ${options.icon && icon(options.icon)}<span>${text}</span>
  </a>`;
}
