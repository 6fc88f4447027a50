// A question arrives; a dialog leaves that a button opens by its id. The dangerous ones name what is lost.

import { html } from 'hono/html';

import { button } from './button.ts';
import { field } from './field.ts';
import { form, formActions } from './form.ts';
import { icon } from './icon.ts';
import type { Content, Markup } from './markup.ts';

export interface DialogOptions {
  readonly id: string;
  readonly title: string;
  readonly body: Content;
}

export function dialog({ id, title, body }: DialogOptions): Markup {
  return html`<dialog id="${id}" class="dialog" aria-labelledby="${id}-title">
    <header class="dialog-head">
      <h2 id="${id}-title">${title}</h2>
      <button type="button" class="button quiet square" data-closes aria-label="Close">
        ${icon('close')}
      </button>
    </header>
    <div class="dialog-body">${body}</div>
  </dialog>`;
}

export interface ConfirmationOptions {
  readonly id: string;
  readonly title: string;
  /** What cannot be had back afterwards, one sentence each. */
  readonly lost: readonly Content[];
  readonly call: string;
  readonly after?: string;
  readonly said?: string;
  /** The button's words: the deed, never "OK". */
  readonly confirm: string;
  /** Where a slip is expensive: the name that has to be typed. It is not part of the call. */
  readonly typed?: string;
  /** Fields of the call. */
  readonly fields?: Content;
}

export function confirmation(options: ConfirmationOptions): Markup {
  const { id, title, lost, call, after = 'reload', said, confirm, typed } = options;
  const body = html`
    ${
      lost.length === 1
        ? html`<p>${lost[0]}</p>`
        : html`<ul class="lost">
            ${lost.map((each) => html`<li>${each}</li>`)}
          </ul>`
    }
    ${options.fields}
    ${
      typed !== undefined &&
      field({
        label: `Type ${typed} to confirm`,
        name: `${id}-typed`,
        isRequired: true,
        attributes: { 'data-typed': typed, 'data-left-out': true },
      })
    }
    ${formActions(
      button('Cancel', { attributes: { type: 'button', 'data-closes': true } }),
      button(confirm, { kind: 'danger' }),
    )}
  `;
  return dialog({ id, title, body: form({ call, after, ...(said && { said }), body }) });
}
