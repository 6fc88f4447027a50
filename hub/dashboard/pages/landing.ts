// Somebody who is not signed in comes to the hub's own address; what this is leaves, and the way in.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { linkButton } from '../parts/button.ts';
import type { PeopleServices } from '../services.ts';

/** Says nothing about who or what is here: strangers read it too. */
export async function landingPage(
  context: Context<DashboardEnv>,
  { setup }: Pick<PeopleServices, 'setup'>,
): Promise<Response> {
  const { hubHost } = context.get('dashboard');
  const isNew = await setup.isOpen();
  return doorPage(context, {
    title: 'Welcome',
    body: doorCard({
      title: 'This is a Phlix Hub',
      lead: 'It gives media servers at home a public address, without a port opened there.',
      body: [
        html`<div class="stack">
          ${
            isNew
              ? linkButton('Set up this hub', '/setup', { kind: 'primary' })
              : linkButton('Sign in', '/sign-in', { kind: 'primary' })
          }
        </div>`,
        html`<p class="soft">
          Looking for films? Each server has a name of its own; this page, at ${hubHost}, is only
          the door. Ask whoever shares theirs with you for the address.
        </p>`,
      ],
    }),
  });
}
