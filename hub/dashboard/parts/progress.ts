// The steps of a wizard arrive, and where somebody is; dots that say so leave, in words for those who hear them.

import { html } from 'hono/html';

import { attributes, type Markup } from './markup.ts';

/** `at` counts from 0. */
export function progress(steps: readonly string[], at: number): Markup {
  return html`<ol class="progress" aria-label="Steps">
    ${steps.map(
      (step, index) =>
        html`<li
          class="${index < at ? 'done' : index === at ? 'now' : 'ahead'}"
          ${attributes({ 'aria-current': index === at ? 'step' : undefined })}
        >
          <span>${step}</span>
        </li>`,
    )}
  </ol>`;
}
