// A call of the API and its fields arrive; a form leaves that the island makes this call with.

import { html } from 'hono/html';

import { attributes, type Attributes, type Content, type Markup } from './markup.ts';

export interface FormOptions {
  /** `PATCH /api/v1/servers/42`. */
  readonly call: string;
  /**
   * What follows a success: `reload`, `go /servers`, or nothing. The form's `answered` event carries the answer; an
   * island that prevents its default decides by itself.
   */
  readonly after?: string;
  /** Said in a toast after it. */
  readonly said?: string;
  readonly body: Content;
  readonly id?: string;
  readonly attributes?: Attributes;
}

/** `post`, so that without its script nothing that was typed lands in an address. */
export function form(options: FormOptions): Markup {
  const given = {
    id: options.id,
    'data-call': options.call,
    'data-after': options.after,
    'data-said': options.said,
    ...options.attributes,
  };
  return html`<form method="post" class="form" ${attributes(given)}>
    <p class="problem" role="alert" data-problem hidden></p>
    ${options.body}
  </form>`;
}

export function formActions(...buttons: readonly Content[]): Markup {
  return html`<div class="form-actions">${buttons}</div>`;
}
