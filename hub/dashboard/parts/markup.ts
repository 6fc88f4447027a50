// A map of attributes arrives; escaped markup leaves. The one type that every part returns.

import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

/** What a template gives: escaped, ready to stand in another one. */
export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

/** What may stand in a template: text is escaped; nothing leaves nothing. */
export type Content = Markup | string | number | undefined | false | readonly Content[];

/** `true` is an attribute without value; `undefined` and `false` leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export function attributes(values: Attributes = {}): Markup {
  const written = Object.entries(values).map(([name, value]) => {
    if (value === undefined || value === false) return '';
    return value === true ? html` ${name}` : html` ${name}="${value}"`;
  });
  return html`${written}`;
}
