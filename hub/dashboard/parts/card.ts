// A heading and what belongs to it arrive; a card leaves, the unit that pages are built of.

import { html } from 'hono/html';

import { attributes, type Content, type Markup } from './markup.ts';

export interface CardOptions {
  readonly title?: string;
  /** Behind the title: a badge that says how it is. */
  readonly state?: Content;
  /** One sentence below the title: what this is for. */
  readonly lead?: Content;
  /** Buttons beside the title. */
  readonly actions?: Content;
  readonly body?: Content;
  /** A line at the foot, set apart. */
  readonly foot?: Content;
  readonly id?: string;
  /** The heading's level; a page's own title is 1. */
  readonly level?: 2 | 3;
}

export function card(options: CardOptions): Markup {
  const { title, state, lead, actions, body, foot, id } = options;
  const heading =
    title !== undefined &&
    (options.level === 3 ? html`<h3>${title}</h3>` : html`<h2>${title}</h2>`);
  const head =
    (title !== undefined || actions !== undefined) &&
    html`<header class="card-head">
      <div>
        <div class="card-title">${heading}${state}</div>
        ${lead !== undefined && html`<p class="soft">${lead}</p>`}
      </div>
      ${actions !== undefined && html`<div class="actions">${actions}</div>`}
    </header>`;
  return html`<section class="card" ${attributes({ id })}>
    ${head}${body !== undefined && html`<div class="card-body">${body}</div>`}
    ${foot !== undefined && html`<footer class="card-foot">${foot}</footer>`}
  </section>`;
}

/** A figure that people look at before they read: "3 of 4 online". */
export function figure(label: string, value: Content, hint?: Content): Markup {
  return html`<div class="figure">
    <dt>${label}</dt>
    <dd>${value}${hint !== undefined && html`<small>${hint}</small>`}</dd>
  </div>`;
}

export function figures(each: readonly Markup[]): Markup {
  return html`<dl class="figures">${each}</dl>`;
}
