// A label and what may be written under it arrive; a field of a form leaves, with its hint tied to it.

import { html } from 'hono/html';

import { attributes, type Attributes, type Content, type Markup } from './markup.ts';

export interface FieldOptions {
  readonly label: string;
  readonly name: string;
  /** Unique on the page; the name, where nothing is said. */
  readonly id?: string;
  readonly type?: 'text' | 'email' | 'password' | 'number' | 'search' | 'url' | 'datetime-local';
  readonly hint?: Content;
  readonly value?: string | number | undefined;
  readonly isRequired?: boolean;
  readonly autocomplete?: string;
  /** `inputmode`, `maxlength`, `pattern`, `data-null` ... */
  readonly attributes?: Attributes;
}

export function field(options: FieldOptions): Markup {
  const { label, name, type = 'text', hint, value, isRequired, autocomplete } = options;
  const id = options.id ?? name;
  const isPlain = type === 'text' || type === 'search' || type === 'url' || type === 'email';
  const given = {
    id,
    name,
    type,
    value,
    required: isRequired,
    autocomplete: autocomplete ?? 'off',
    'aria-describedby': hint === undefined ? undefined : `${id}-hint`,
    ...(isPlain && { spellcheck: 'false', autocapitalize: 'none' }),
    ...options.attributes,
  };
  return html`<div class="field">
    <label for="${id}">${label}</label>
    ${
      type === 'password'
        ? html`<div class="revealable">
            <input${attributes(given)} />
            <button type="button" class="button quiet" data-reveals="${id}" aria-pressed="false">
              Show
            </button>
          </div>`
        : html`<input${attributes(given)} />`
    }
    ${hintOf(id, hint)}
  </div>`;
}

export interface AreaOptions extends Omit<FieldOptions, 'type'> {
  readonly rows?: number;
}

/** With `attributes: {'data-lines': true}` its lines leave as a list. */
export function area(options: AreaOptions): Markup {
  const { label, name, hint, value, isRequired, rows = 3 } = options;
  const id = options.id ?? name;
  const given = {
    id,
    name,
    rows,
    required: isRequired,
    spellcheck: 'false',
    'aria-describedby': hint === undefined ? undefined : `${id}-hint`,
    ...options.attributes,
  };
  return html`<div class="field">
    <label for="${id}">${label}</label>
    <textarea${attributes(given)}>${value}</textarea>
    ${hintOf(id, hint)}
  </div>`;
}

interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface SelectOptions extends Omit<FieldOptions, 'type'> {
  readonly choices: readonly Choice[];
}

export function select(options: SelectOptions): Markup {
  const { label, name, hint, choices, value } = options;
  const id = options.id ?? name;
  const described = hint === undefined ? undefined : `${id}-hint`;
  return html`<div class="field">
    <label for="${id}">${label}</label>
    <select${attributes({ id, name, 'aria-describedby': described, ...options.attributes })}>
      ${choices.map(
        (each) =>
          html`<option${attributes({ value: each.value, selected: each.value === String(value) })}>
            ${each.label}
          </option>`,
      )}
    </select>
    ${hintOf(id, hint)}
  </div>`;
}

export interface SwitchOptions {
  readonly label: string;
  readonly name: string;
  readonly id?: string;
  readonly hint?: Content;
  readonly isOn?: boolean;
  /** Several with one name and a value each leave as a list of the chosen values. */
  readonly value?: string;
}

/** A box to tick: `true` or `false` in the call, or its value in a list. */
export function tick({ label, name, id = name, hint, isOn, value }: SwitchOptions): Markup {
  const described = hint === undefined ? undefined : `${id}-hint`;
  const given = {
    id,
    name,
    type: 'checkbox',
    checked: isOn,
    value,
    'data-list': value !== undefined,
  };
  return html`<div class="tick">
    <input${attributes({ ...given, 'aria-describedby': described })} />
    <div>
      <label for="${id}">${label}</label>
      ${hintOf(id, hint)}
    </div>
  </div>`;
}

function hintOf(id: string, hint: Content): Markup | undefined {
  return hint === undefined ? undefined : html`<p class="hint" id="${id}-hint">${hint}</p>`;
}
