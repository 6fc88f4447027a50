// Somebody whose account is not safe yet arrives: new, or after a recovery code or a reset; the steps to make it safe leave.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { button, linkButton } from '../parts/button.ts';
import { callout } from '../parts/callout.ts';
import { field } from '../parts/field.ts';
import { form } from '../parts/form.ts';
import { attributes, type Content, type Markup } from '../parts/markup.ts';
import { progress } from '../parts/progress.ts';
import { recoveryCodesPanel } from '../parts/recovery-codes.ts';
import { stepUpDialog } from '../parts/step-up-dialog.ts';
import { totpPanel } from '../parts/totp-panel.ts';
import type { OfferedProvider, PeopleServices } from '../services.ts';
import { arrivalSteps } from './arrival.ts';
import { problemWords } from './problem-words.ts';

export async function enrolPage(
  context: Context<DashboardEnv>,
  services: Pick<PeopleServices, 'accounts' | 'recovery' | 'localLogin' | 'providers' | 'ssoLinks'>,
): Promise<Response> {
  const caller = context.get('caller');
  if (caller.kind !== 'login') return context.redirect('/sign-in', 303);
  const { account, login } = caller;
  const [hasPassword, codesLeft, takesPasswords, providers, links] = await Promise.all([
    services.accounts.hasPassword(account.id),
    services.recovery.left(account.id),
    services.localLogin.isOpen(),
    services.providers.offered(),
    services.ssoLinks.listOf(account.id),
  ]);
  const mayLeave = login.restriction === undefined;
  // While the login is restricted nothing is asked again; codes that somebody still has must not be void before new ones are seen.
  const codesFirst = !mayLeave && codesLeft === 0;
  const hasWayIn = takesPasswords || links.length > 0;
  const card = hasWayIn || mayLeave ? factorCard : providerCard;
  return doorPage(context, {
    title: 'Make your account safe',
    islands: ['enrol'],
    body: html`<div data-enrol${attributes({ 'data-codes-first': codesFirst })}>
        <div data-step="factor">
          ${card({ hasPassword, takesPasswords, mayLeave, providers, failure: context.req.query('problem') })}
        </div>
        <div data-step="recovery" hidden>${recoveryCard()}</div>
      </div>
      ${stepUpDialog()}`,
  });
}

interface Safety {
  readonly hasPassword: boolean;
  readonly takesPasswords: boolean;
  readonly mayLeave: boolean;
  readonly providers: readonly OfferedProvider[];
  /** The code of a problem that somebody comes back with. */
  readonly failure: string | undefined;
}

/** With HUB_LOCAL_LOGIN=off only a provider lets anybody in again: a passkey alone would be a key to no door. */
function providerCard({ providers, failure }: Safety): Markup {
  const links = providers.map(({ id, name }) =>
    form({
      call: `POST /api/v1/account/sso-links/${id}`,
      after: 'follow',
      body: html`<div class="stack">${button(`Link ${name}`, { kind: 'primary' })}</div>`,
    }),
  );
  return doorCard({
    title: 'Link your way in',
    lead: 'This hub knows its people from elsewhere. Link the account that you sign in with: from then on it lets you in here.',
    body: [
      progress(arrivalSteps, 1),
      failure !== undefined && callout({ tone: 'bad', body: problemWords(failure) }),
      html`<p class="problem" role="alert" data-problem hidden></p>`,
      links,
      providers.length === 0 &&
        callout({
          tone: 'warn',
          title: 'No provider is set up',
          body: 'Nobody can sign in here again before there is one. Ask whoever runs this hub to set one up (phlix-hub sso add), then open this page again.',
        }),
    ],
  });
}

function factorCard({ hasPassword, takesPasswords, mayLeave, failure }: Safety): Markup {
  return doorCard({
    title: 'Make it safe',
    lead: 'A passkey lives on your phone or computer and opens with your face, finger or PIN. Nobody can guess it, and no false page can ask for it.',
    body: [
      progress(arrivalSteps, 1),
      failure !== undefined && callout({ tone: 'bad', body: problemWords(failure) }),
      html`<p class="problem" role="alert" data-problem hidden></p>`,
      html`<div class="stack" data-needs-passkeys hidden>
        ${button('Make a passkey', {
          kind: 'primary',
          icon: 'passkey',
          attributes: { type: 'button', 'data-makes-passkey': true },
        })}
      </div>`,
      (hasPassword || takesPasswords) && html`<p class="or" data-needs-passkeys hidden>or</p>`,
      // Codes of an app come behind a password: alone they open nothing.
      hasPassword ? authenticator() : takesPasswords && firstPassword(),
      mayLeave && html`<div class="stack">${linkButton('Later', '/', { kind: 'quiet' })}</div>`,
    ],
  });
}

function authenticator(): Content {
  const start = button('Use an authenticator app', {
    icon: 'phone',
    attributes: { type: 'button', 'data-starts-totp': true },
  });
  return [html`<div class="stack">${start}</div>`, totpPanel()];
}

function firstPassword(): Markup {
  return html`<details>
    <summary>Use a password and an authenticator app instead</summary>
    ${form({
      call: 'PUT /api/v1/account/password',
      after: 'go /enrol',
      body: [
        field({
          label: 'Password',
          name: 'new_password',
          type: 'password',
          autocomplete: 'new-password',
          isRequired: true,
          hint: 'At least 15 characters. Four or five words in a row are easy to keep and hard to guess.',
          attributes: { minlength: 15, maxlength: 256 },
        }),
        html`<div class="stack">${button('Set the password, then the app')}</div>`,
      ],
    })}
  </details>`;
}

function recoveryCard(): Markup {
  return doorCard({
    title: 'Spare keys',
    lead: 'If your phone is lost, one of these codes lets you in. Each works once.',
    body: [
      progress(arrivalSteps, 2),
      recoveryCodesPanel(),
      html`<div class="stack">
        ${button('I have put them somewhere safe', {
          kind: 'primary',
          attributes: { type: 'button', 'data-leaves': '/' },
        })}
      </div>`,
    ],
  });
}
