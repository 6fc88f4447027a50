// After how many minutes somebody wants to be told that a server is offline arrives; a card leaves that changes it.

import { html } from 'hono/html';

import { button } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { select } from '../../parts/field.ts';
import { form, formActions } from '../../parts/form.ts';
import type { Markup } from '../../parts/markup.ts';
import type { AlertAnswer } from '../../server-answers.ts';

const minutes = [2, 5, 10, 30, 60, 240] as const;

export function alertsCard(serverId: string, alert: AlertAnswer): Markup {
  const chosen = alert.offline_minutes;
  const offered = [...new Set([...minutes, ...(chosen === null ? [] : [chosen])])].sort(
    (one, other) => one - other,
  );
  return card({
    title: 'Alerts',
    lead: html`Told by mail, and to the <a href="/notices">places you chose</a>.`,
    body: form({
      call: `PUT /api/v1/servers/${serverId}/alerts`,
      said: 'Saved.',
      body: [
        select({
          label: 'When it has been offline for',
          name: 'offline_minutes',
          value: chosen === null ? '' : String(chosen),
          attributes: { 'data-number': true, 'data-null': true },
          choices: [
            { value: '', label: 'Do not tell me' },
            ...offered.map((each) => ({ value: String(each), label: words(each) })),
          ],
        }),
        formActions(button('Save')),
      ],
    }),
  });
}

function words(each: number): string {
  if (each % 60 !== 0) return `${each} minutes`;
  return each === 60 ? 'An hour' : `${each / 60} hours`;
}
