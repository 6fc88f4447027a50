// Things of one kind arrive, each with its picture, words and buttons; a list leaves that reads well on a phone.

import { html } from 'hono/html';

import { icon, type IconName } from './icon.ts';
import { attributes, type Content, type Markup } from './markup.ts';

export interface Item {
  readonly icon?: IconName;
  readonly title: Content;
  /** Badges behind the title. */
  readonly badges?: Content;
  /** One line below: where, when. */
  readonly detail?: Content;
  readonly actions?: Content;
  /** The whole row leads there. */
  readonly href?: string;
  readonly id?: string;
}

/** `label` is heard, not seen: what the list lists. */
export function itemList(label: string, items: readonly Item[]): Markup {
  return html`<ul class="items" aria-label="${label}">
    ${items.map(row)}
  </ul>`;
}

function row(item: Item): Markup {
  const title =
    item.href === undefined
      ? item.title
      : html`<a class="cover" href="${item.href}">${item.title}</a>`;
  return html`<li class="item" ${attributes({ id: item.id })}>
    ${item.icon && html`<span class="item-icon">${icon(item.icon)}</span>`}
    <div class="item-words">
      <p class="item-title"><span>${title}</span>${item.badges}</p>
      ${item.detail !== undefined && html`<p class="soft">${item.detail}</p>`}
    </div>
    ${item.actions !== undefined && html`<div class="actions">${item.actions}</div>`}
  </li>`;
}
