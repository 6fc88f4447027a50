// A server arrives; what an admin gives it to another account with leaves.

import { opener } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { confirmation } from '../../parts/dialog.ts';
import { field } from '../../parts/field.ts';
import type { Markup } from '../../parts/markup.ts';
import type { ServerInFull } from '../../server-answers.ts';

/** For admins. */
export function transferCard({ id, name }: ServerInFull): Markup {
  return card({
    title: 'Give away',
    lead: 'Another account gets it, with its name. The agent of the former owner is shut out.',
    actions: opener('Give it to another account', 'transfer', { kind: 'danger' }),
    body: confirmation({
      id: 'transfer',
      title: `Give ${name} to another account?`,
      lost: [
        'Its agent is cut off within seconds, and its key is refused from then on.',
        'Domains of the former owner, and everybody with whom it is shared, go.',
        'The new owner adds an agent with a token of his own.',
      ],
      fields: field({
        label: 'User name of the new owner',
        name: 'username',
        id: 'transfer-username',
        isRequired: true,
      }),
      call: `POST /api/v1/admin/servers/${id}/transfer`,
      confirm: 'Give it away',
      said: `${name} has another owner.`,
    }),
  });
}
