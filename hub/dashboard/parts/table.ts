// Columns and rows arrive; a table leaves. On a phone each row becomes a small card that names its columns.

import { html } from 'hono/html';

import type { Content, Markup } from './markup.ts';

interface Column {
  readonly title: string;
  /** Figures stand at the end, under each other. */
  readonly align?: 'end';
  /** Buttons need no heading for the eye; it is heard. */
  readonly isHidden?: boolean;
}

export interface TableOptions {
  /** Heard by readers of screens before the cells. */
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Content[])[];
  /** Islands find the rows by it. */
  readonly id?: string;
}

export function table({ caption, columns, rows, id }: TableOptions): Markup {
  return html`<div class="table-frame" tabindex="0" role="region" aria-label="${caption}">
    <table${id !== undefined && html` id="${id}"`}>
      <caption class="unseen">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map((cells) => tableRow(columns, cells))}
      </tbody>
    </table>
  </div>`;
}

function heading({ title, align, isHidden }: Column): Markup {
  const words = isHidden === true ? html`<span class="unseen">${title}</span>` : title;
  return html`<th scope="col" class="${align ?? 'start'}">${words}</th>`;
}

function tableRow(columns: readonly Column[], cells: readonly Content[]): Markup {
  return html`<tr>
    ${columns.map(({ title, align, isHidden }, at) => {
      const label = isHidden === true ? '' : title;
      return html`<td class="${align ?? 'start'}" data-label="${label}">${cells[at]}</td>`;
    })}
  </tr>`;
}
