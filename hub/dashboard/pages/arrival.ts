// Somebody with a setup token or an invitation arrives; the first step of having an account leaves: a name. The token is in the fragment, which no log ever sees.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { button, linkButton } from '../parts/button.ts';
import { field } from '../parts/field.ts';
import { form } from '../parts/form.ts';
import type { Content, Markup } from '../parts/markup.ts';
import { progress } from '../parts/progress.ts';
import type { PeopleServices } from '../services.ts';

/** What every way to a new account goes through; `/enrol` shows the other two. */
export const arrivalSteps = ['You', 'Safety', 'Spare keys'] as const;

export async function setupPage(
  context: Context<DashboardEnv>,
  { setup }: Pick<PeopleServices, 'setup'>,
): Promise<Response> {
  if (!(await setup.isOpen())) {
    const body = doorCard({
      title: 'This hub is set up',
      lead: 'It has an admin already. More people come by invitation.',
      body: linkButton('Sign in', '/sign-in', { kind: 'primary' }),
    });
    return doorPage(context, { title: 'Setup', status: 410, body });
  }
  return doorPage(context, {
    title: 'Setup',
    islands: ['arrival'],
    body: doorCard({
      title: 'Welcome to your hub',
      lead: 'Three short steps, and it is yours. You become its first admin.',
      body: arrivalForm('POST /api/v1/setup', {
        label: 'Setup token',
        hint: html`The hub’s log shows a link with it at the first start, and the file
          <code>setup-token</code> in its data folder holds it. It is good for 24 hours.`,
      }),
    }),
  });
}

export async function invitePage(
  context: Context<DashboardEnv>,
  { localLogin }: Pick<PeopleServices, 'localLogin'>,
): Promise<Response> {
  const { hubHost } = context.get('dashboard');
  return doorPage(context, {
    title: 'Invitation',
    islands: ['arrival'],
    body: doorCard({
      title: 'You are invited',
      lead: `Somebody wants you on ${hubHost}. Choose how you want to be called.`,
      body: arrivalForm('POST /api/v1/invitations/accept', {
        label: 'Invitation',
        hint: 'The long word behind # in the link that you were sent.',
        look: '/api/v1/invitations/look',
        takesPasswords: await localLogin.isOpen(),
      }),
    }),
  });
}

interface Token {
  readonly label: string;
  readonly hint: Content;
  /** Where to ask what it is for, before anybody fills in a form in vain. */
  readonly look?: string;
  readonly takesPasswords?: boolean;
}

function arrivalForm(call: string, { look, takesPasswords = true, ...token }: Token): Markup {
  return html`${progress(arrivalSteps, 0)}
  ${form({
    call,
    after: 'go /enrol',
    attributes: { 'data-arrival': true, 'data-looks': look },
    body: [
      html`<div data-token-field>
        ${field({ ...token, name: 'token', isRequired: true, attributes: { class: 'code-long' } })}
      </div>`,
      field({
        label: 'User name',
        name: 'username',
        autocomplete: 'username',
        isRequired: true,
        hint: 'Letters and digits, such as robin or robin.k. You sign in with it.',
        attributes: { minlength: 2, maxlength: 64 },
      }),
      field({
        label: 'E-mail (optional)',
        name: 'email',
        type: 'email',
        autocomplete: 'email',
        hint: 'For news about your account, such as a new browser. Nothing else.',
        attributes: { maxlength: 254 },
      }),
      takesPasswords && firstPassword(),
      html`<div class="stack">${button('Continue', { kind: 'primary' })}</div>`,
    ],
  })}`;
}

function firstPassword(): Markup {
  return field({
    label: 'Password (optional)',
    name: 'password',
    type: 'password',
    autocomplete: 'new-password',
    hint: 'At least 15 characters. Leave it empty if you want a passkey alone, which the next step makes.',
    attributes: { maxlength: 256 },
  });
}
