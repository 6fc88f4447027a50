// Somebody who forgot a password arrives, or who has opened a link of a letter; the pages leave that ask for that letter and take what its link proves. The token is in the fragment, which no log ever sees.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { button, linkButton } from '../parts/button.ts';
import { field } from '../parts/field.ts';
import { form } from '../parts/form.ts';
import type { Content, Markup } from '../parts/markup.ts';
import type { PeopleServices } from '../services.ts';

type Services = Pick<PeopleServices, 'localLogin' | 'mail'>;

export async function forgottenPage(
  context: Context<DashboardEnv>,
  { localLogin, mail }: Services,
): Promise<Response> {
  const isOffered = mail.isThere && (await localLogin.isOpen());
  if (!isOffered) return doorPage(context, { title: 'Forgotten password', body: noLetters() });
  const body = context.req.query('sent') === undefined ? askingCard() : sentCard();
  return doorPage(context, { title: 'Forgotten password', body });
}

export async function resetPasswordPage(context: Context<DashboardEnv>): Promise<Response> {
  return doorPage(context, {
    title: 'Another password',
    islands: ['arrival'],
    body: doorCard({
      title: 'Choose another password',
      lead: 'Every browser is signed out by it. Then sign in here, with your passkey or code as before.',
      body: form({
        call: 'POST /api/v1/auth/password/reset',
        after: 'go /sign-in',
        said: 'Your password is changed. Sign in with it.',
        attributes: { 'data-arrival': true },
        body: [
          tokenField(),
          field({
            label: 'New password',
            name: 'new_password',
            type: 'password',
            autocomplete: 'new-password',
            isRequired: true,
            hint: 'At least 15 characters, or 12 if you have a passkey or an authenticator app. A sentence is easier to keep than a word.',
            attributes: { maxlength: 256 },
          }),
          html`<div class="stack">${button('Change my password', { kind: 'primary' })}</div>`,
        ],
      }),
    }),
  });
}

export async function verifyEmailPage(context: Context<DashboardEnv>): Promise<Response> {
  const isDone = context.req.query('done') !== undefined;
  return doorPage(context, {
    title: 'Your e-mail address',
    islands: ['arrival'],
    body: isDone ? confirmedCard() : confirmingCard(),
  });
}

function askingCard(): Markup {
  return doorCard({
    title: 'Forgotten your password?',
    lead: 'The hub sends you a letter with a link by which you choose another one.',
    body: form({
      call: 'POST /api/v1/auth/password/forgotten',
      after: 'go /forgotten?sent=1',
      body: [
        field({
          label: 'User name or e-mail',
          name: 'username',
          autocomplete: 'username',
          isRequired: true,
          attributes: { maxlength: 254 },
        }),
        html`<div class="stack">
          ${button('Send me a link', { kind: 'primary' })}
          ${linkButton('Back to sign-in', '/sign-in', { kind: 'quiet' })}
        </div>`,
      ],
    }),
  });
}

/** The same for everybody: nobody learns here who has an account. */
function sentCard(): Markup {
  return doorCard({
    title: 'Look at your mail',
    lead: 'If this is somebody here with a confirmed address, a letter is on its way. Its link works once, for 30 minutes.',
    body: [
      html`<p class="soft">
        Nothing there after a few minutes? Look among spam. Without a confirmed address whoever runs
        this hub can help you.
      </p>`,
      html`<div class="stack">${linkButton('Sign in', '/sign-in', { kind: 'primary' })}</div>`,
    ],
  });
}

function noLetters(): Markup {
  return doorCard({
    title: 'Forgotten your password?',
    lead: 'This hub sends no letters for that. Ask whoever runs it for help.',
    body: html`<div class="stack">${linkButton('Sign in', '/sign-in', { kind: 'primary' })}</div>`,
  });
}

/** A button, and not the opening of the link: mail servers open links as well, to look what is behind them. */
function confirmingCard(): Markup {
  return doorCard({
    title: 'Is this your address?',
    lead: 'Confirm it only if the letter names your account.',
    body: form({
      call: 'POST /api/v1/auth/email/verify',
      after: 'go /verify-email?done=1',
      attributes: { 'data-arrival': true },
      body: [
        tokenField(),
        html`<div class="stack">${button('Confirm my address', { kind: 'primary' })}</div>`,
      ],
    }),
  });
}

function confirmedCard(): Markup {
  return doorCard({
    title: 'Your address is confirmed',
    lead: 'The hub writes there when somebody signs in from somewhere new, or a lock is changed.',
    body: html`<div class="stack">${linkButton('Go on', '/', { kind: 'primary' })}</div>`,
  });
}

function tokenField(): Content {
  return html`<div data-token-field>
    ${field({
      label: 'Link',
      name: 'token',
      isRequired: true,
      hint: 'The long word behind # in the link of the letter.',
      attributes: { class: 'code-long' },
    })}
  </div>`;
}
