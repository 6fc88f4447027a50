// Amounts by day arrive; bars leave, drawn as SVG, and the same numbers as a table for whoever cannot see them.

import { html, raw } from 'hono/html';

import type { Markup } from './markup.ts';

export interface Bar {
  /** `22 Nov`. */
  readonly label: string;
  readonly value: number;
  /** The value in words. */
  readonly text: string;
}

/** Units of the drawing: it is stretched to the width that there is. */
const height = 100;
const step = 10;
const gap = 2;
/** A day with little is not a day with nothing. */
const leastHeight = 1.5;

export function bars(caption: string, each: readonly Bar[]): Markup {
  const most = Math.max(1, ...each.map(({ value }) => value));
  const width = Math.max(1, each.length) * step;
  const [first, last] = [each[0], each.at(-1)];
  return html`<figure class="bars">
    <svg
      viewBox="0 0 ${width} ${height}"
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      ${each.map((bar, at) => barOf(bar, at, most))}
    </svg>
    <div class="bars-axis" aria-hidden="true">
      <span>${first?.label}</span><span>${last?.label}</span>
    </div>
    <details>
      <summary>Numbers</summary>
      <table>
        <caption class="unseen">
          ${caption}
        </caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col" class="end">Amount</th>
          </tr>
        </thead>
        <tbody>
          ${each.toReversed().map(
            ({ label, text }) =>
              html`<tr>
                <td data-label="Day">${label}</td>
                <td data-label="Amount" class="end">${text}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </details>
  </figure>`;
}

function barOf({ label, value, text }: Bar, at: number, most: number): Markup {
  const tall = value === 0 ? 0 : Math.max(leastHeight, (value / most) * height);
  const place = `x="${at * step + gap / 2}" y="${(height - tall).toFixed(2)}" width="${step - gap}" height="${tall.toFixed(2)}"`;
  return html`<g>
    <title>${label}: ${text}</title>
    <rect class="bar-ground" x="${at * step}" y="0" width="${step}" height="${height}" />
    <rect class="bar" ${raw(place)} rx="1" />
  </g>`;
}

export interface Share {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  readonly tone: 'good' | 'warn' | 'bad' | 'calm' | 'accent';
}

/** Parts of a whole, as lengths beside each other. */
export function shares(label: string, each: readonly Share[]): Markup {
  const all = each.reduce((sum, { value }) => sum + value, 0);
  return html`<ul class="shares" aria-label="${label}">
    ${each.map(({ label: name, value, text, tone }) => {
      const part = all === 0 ? 0 : (value / all) * 100;
      return html`<li>
        <span class="share-name">${name}</span>
        <svg
          class="share ${tone}"
          viewBox="0 0 100 8"
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          <rect class="share-ground" width="100" height="8" />
          <rect
            class="share-part"
            width="${raw((value === 0 ? 0 : Math.max(1, part)).toFixed(2))}"
            height="8"
          />
        </svg>
        <span class="share-text">${text}</span>
      </li>`;
    })}
  </ul>`;
}
