// What a server's agent found when it looked at itself arrives; a card leaves that shows it, and has it look again.

import { html } from 'hono/html';

import { badge } from '../../parts/badge.ts';
import { button } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { findingLooks, findingsList } from '../../parts/findings.ts';
import { form } from '../../parts/form.ts';
import type { Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import type { FindingsAnswer, ServerInFull } from '../../server-answers.ts';
import { agentCheckTitle } from '../admin/check-titles.ts';

export function healthCard(server: ServerInFull, findings: FindingsAnswer): Markup {
  return card({
    title: 'Health',
    lead: 'What its agent finds when it looks at itself, its line and its media server.',
    // Apart from what is drawn anew when the agent has answered.
    actions: form({
      id: 'check-up',
      call: `POST /api/v1/servers/${server.id}/findings`,
      body: button('Check now'),
    }),
    body: html`<div
      id="findings"
      data-looked="${findings.looked_at ?? ''}"
      data-measured="${findings.line_measured_at ?? ''}"
    >
      ${findings.state === null ? nothing : found(server, findings)}
    </div>`,
  });
}

const nothing = html`<p class="soft">
  Its agent has told nothing yet: run <code>phlix-agent doctor</code> beside the media server, and
  it says there what it finds.
</p>`;

function found({ is_connected: isConnected }: ServerInFull, findings: FindingsAnswer): Markup {
  const { state, looked_at: lookedAt, items } = findings;
  const look = findingLooks[state ?? 'unknown'];
  const shown = items.map((item) => ({
    ...item,
    title: agentCheckTitle(item.check),
    at: new Date(item.looked_at),
  }));
  return html`<p class="item-title">
      ${badge(look.word, look.tone)}
      <span class="soft"
        >${isConnected ? 'Looked at' : 'It is offline; this is how it was'}
        ${moment(lookedAt === null ? undefined : new Date(lookedAt))}</span
      >
    </p>
    ${findingsList(shown, { isAlone: false })}`;
}
