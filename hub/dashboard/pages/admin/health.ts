// What the hub finds when it looks at itself arrives; the page leaves that says what is wrong first, each with its remedy.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { HealthAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { linkButton } from '../../parts/button.ts';
import { callout } from '../../parts/callout.ts';
import { card } from '../../parts/card.ts';
import { findingLooks, findingsList } from '../../parts/findings.ts';
import type { Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import { table } from '../../parts/table.ts';
import type { HubReading } from '../../reading.ts';
import { adminPage } from './admin-page.ts';
import { checkTitle } from './check-titles.ts';

export async function healthPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const health = await hub.ask('health.show');
  return adminPage(context, '/admin/health', {
    title: 'Health',
    lead: 'The hub has just looked at itself.',
    actions: linkButton('Look again', '/admin/health'),
    body: [summary(health), findings(health), tripsCard(health.trips)],
  });
}

function summary({ state, items }: HealthAnswer): Markup {
  const count = items.filter((item) => item.state === state).length;
  if (state === 'ok')
    return callout({
      tone: 'good',
      title: 'All is well',
      body: `${items.length} things were looked at.`,
    });
  const things = count === 1 ? 'One thing' : `${count} things`;
  return callout({
    tone: findingLooks[state].tone,
    title: state === 'failure' ? `${things} must be put right` : `${things} should be looked at`,
    body: 'Each says below what to do.',
  });
}

function findings({ items }: HealthAnswer): Markup {
  const shown = items.map((item) => ({ ...item, title: checkTitle(item.check) }));
  return card({ body: findingsList(shown, { isAlone: true }) });
}

/** For whoever asks why a visitor was turned away. */
function tripsCard(trips: HealthAnswer['trips']): Markup {
  return card({
    title: 'Limits that held',
    lead: 'The last 200 times that somebody was turned away for asking too much, since this process started.',
    body:
      trips.length === 0
        ? html`<p class="soft">Nobody was turned away.</p>`
        : table({
            caption: 'Limits that held, the latest first',
            columns: [
              { title: 'When' },
              { title: 'Limit' },
              { title: 'Whom' },
              { title: 'In a row', align: 'end' },
            ],
            rows: trips.map(({ at, limit, who, times }) => [
              moment(new Date(at)),
              html`<code>${limit}</code>`,
              who ?? 'nobody knows',
              String(times),
            ]),
          }),
  });
}
