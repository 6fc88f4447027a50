// A server arrives; what its owner reads while it is suspended leaves, and what an admin closes it and opens it with.

import { html } from 'hono/html';

import { button, opener } from '../../parts/button.ts';
import { callout } from '../../parts/callout.ts';
import { card } from '../../parts/card.ts';
import { confirmation } from '../../parts/dialog.ts';
import { field } from '../../parts/field.ts';
import { form } from '../../parts/form.ts';
import type { Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import type { ServerInFull } from '../../server-answers.ts';

/** Undefined: it is open to visitors. */
export function suspendedCallout(server: ServerInFull): Markup | undefined {
  const { suspended_at: since, suspension_reason: reason, access } = server;
  if (since === null) return undefined;
  return callout({
    title: 'Suspended',
    tone: 'bad',
    body: html`Whoever runs this hub closed this server to visitors
      ${moment(new Date(since))}${reason !== null && html`: <q>${reason}</q>`}. Nothing of it was
      deleted, and its name is kept.
      <a href="/.phlix/abuse">Whom to write to.</a
      >${access !== 'member' && ' Let the agent run: it comes back by itself when the server is resumed.'}`,
  });
}

/** For admins. */
export function suspensionCard({ id, name, suspended_at: since }: ServerInFull): Markup {
  if (since !== null)
    return card({
      title: 'Suspended',
      lead: 'No visitor reaches it. Everything of it is kept.',
      body: form({
        call: `POST /api/v1/admin/servers/${id}/resume`,
        after: 'reload',
        said: `${name} may be reached again: its agent comes back within five minutes.`,
        body: button('Let visitors reach it again', { kind: 'primary' }),
      }),
    });
  return card({
    title: 'Suspend',
    lead: 'After a report of abuse, or a demand: nobody reaches it, and nothing of it is deleted.',
    actions: opener('Suspend this server', 'suspend', { kind: 'danger' }),
    body: confirmation({
      id: 'suspend',
      title: `Suspend ${name}?`,
      lost: [
        'Whoever is watching is cut off within seconds; visitors read that the address is closed.',
        'Its owner is told, with your reason. The agent is sent away and asks again every few minutes.',
        'Name, domains, certificates and settings are kept: resume it, and all is as before.',
      ],
      fields: field({
        label: 'Why (its owner reads it)',
        name: 'reason',
        id: 'suspend-reason',
        isRequired: true,
        attributes: { maxlength: 200 },
      }),
      call: `POST /api/v1/admin/servers/${id}/suspend`,
      confirm: 'Suspend the server',
      said: `${name} is suspended.`,
    }),
  });
}
