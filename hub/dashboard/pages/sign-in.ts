// Somebody who is not signed in arrives; the ways in leave: a passkey first, then a password, then other providers.

import type { Context } from 'hono';
import { html } from 'hono/html';

import { safeReturnTo } from '../../accounts/sso/return-to.ts';
import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { button, linkButton, opener } from '../parts/button.ts';
import { callout } from '../parts/callout.ts';
import { dialog } from '../parts/dialog.ts';
import { field, tick } from '../parts/field.ts';
import { form } from '../parts/form.ts';
import { attributes, type Content, type Markup } from '../parts/markup.ts';
import type { OfferedProvider, PeopleServices } from '../services.ts';
import { problemWords } from './problem-words.ts';

type Services = Pick<PeopleServices, 'setup' | 'localLogin' | 'providers' | 'mail'>;

export async function signInPage(
  context: Context<DashboardEnv>,
  services: Services,
): Promise<Response> {
  const after = safeReturnTo(context.req.query('return'));
  // After a provider that asked for one proof only: the second is asked for here.
  const methods = context.req.query('factor');
  const caller = context.get('caller');
  const isOnTheWay = methods !== undefined && caller.kind === 'login' && caller.login.restriction;
  if (caller.kind === 'login' && !isOnTheWay) return context.redirect(after, 303);
  if (await services.setup.isOpen()) return context.redirect('/setup', 303);
  const [isLocal, providers] = await Promise.all([
    services.localLogin.isOpen(),
    services.providers.offered(),
  ]);
  return doorPage(context, {
    title: 'Sign in',
    islands: ['sign-in'],
    body: html`
      <div data-sign-in${attributes({ 'data-after': after, 'data-methods': methods })}>
        ${ways({
          isLocal,
          isMailThere: services.mail.isThere,
          providers,
          after,
          failure: context.req.query('problem'),
        })}
        ${factorStep()}
      </div>
      ${lostPhoneDialog()}
    `,
  });
}

interface Ways {
  readonly isLocal: boolean;
  readonly isMailThere: boolean;
  readonly providers: readonly OfferedProvider[];
  readonly after: string;
  readonly failure: string | undefined;
}

function ways({ isLocal, isMailThere, providers, after, failure }: Ways): Markup {
  const single = providers.map(({ id, name }) =>
    linkButton(`Continue with ${name}`, startAddress(id, after), {
      kind: isLocal ? 'plain' : 'primary',
    }),
  );
  return html`<div data-step="first">
    ${doorCard({
      title: 'Sign in',
      lead: isLocal ? 'Welcome back.' : 'This hub knows its people from elsewhere.',
      body: [
        failure !== undefined && callout({ tone: 'bad', body: problemWords(failure) }),
        isLocal && localWays(isMailThere),
        isLocal && providers.length > 0 && html`<p class="or">or</p>`,
        single.length > 0 && html`<div class="stack">${single}</div>`,
        !isLocal &&
          providers.length === 0 &&
          callout({
            tone: 'warn',
            body: 'Sign-in with a password is off, and no provider is set up. On the host, phlix-hub auth local-login --for 30m opens it for a while.',
          }),
      ],
    })}
  </div>`;
}

function localWays(isMailThere: boolean): Content {
  return [
    html`<div class="stack" data-needs-passkeys hidden>
      ${button('Sign in with a passkey', {
        kind: 'primary',
        icon: 'passkey',
        attributes: { type: 'button', 'data-passkey': true },
      })}
    </div>`,
    html`<p class="or" data-needs-passkeys hidden>or</p>`,
    form({
      call: 'POST /api/v1/auth/login',
      id: 'password-form',
      body: [
        field({
          label: 'User name or e-mail',
          name: 'username',
          autocomplete: 'username webauthn',
          isRequired: true,
          attributes: { maxlength: 254 },
        }),
        field({
          label: 'Password',
          name: 'password',
          type: 'password',
          autocomplete: 'current-password',
          isRequired: true,
        }),
        html`<div class="stack">
          ${button('Sign in')} ${linkButton('Lost your passkey?', '/recover', { kind: 'quiet' })}
          ${isMailThere && linkButton('Forgotten your password?', '/forgotten', { kind: 'quiet' })}
        </div>`,
      ],
    }),
  ];
}

/** Where a recovery code stands alone: without a password, and with the passkeys lost. */
export async function recoverPage(context: Context<DashboardEnv>): Promise<Response> {
  return doorPage(context, {
    title: 'Lost passkey',
    islands: ['sign-in'],
    body: html`<div data-sign-in>
      ${doorCard({
        title: 'Lost your passkey?',
        lead: 'One of your recovery codes lets you in, to make a new passkey.',
        body: form({
          call: 'POST /api/v1/auth/recovery',
          body: [
            field({
              label: 'User name or e-mail',
              name: 'username',
              autocomplete: 'username',
              isRequired: true,
              attributes: { maxlength: 254 },
            }),
            recoveryField(),
            html`<p class="soft">
              If your account has a password, sign in with that: the code is asked for after it.
              Without a code, whoever runs this hub can reset your account.
            </p>`,
            html`<div class="stack">
              ${continueButton()} ${linkButton('Back to sign-in', '/sign-in', { kind: 'quiet' })}
            </div>`,
          ],
        }),
      })}
    </div>`,
  });
}

/** After the right password. Each way is hidden until the hub has said that it will do. */
function factorStep(): Markup {
  return html`<div data-step="factor" hidden>
    ${doorCard({
      title: 'One more step',
      lead: 'So far it was right. Now show that it is you.',
      body: [
        factorForm('passkey', undefined, passkeyButton()),
        factorForm('totp', codeField('totp', 'Code from your authenticator app')),
        factorForm('email', [sendCode(), codeField('email', 'Code from the e-mail')]),
        factorForm('recovery', recoveryField()),
        html`<div class="stack" data-other-ways></div>`,
        html`<div class="stack">
          ${opener('Lost your phone?', 'lost-phone', { kind: 'quiet' })}
        </div>`,
      ],
    })}
  </div>`;
}

function factorForm(method: string, fields: Content, deed: Markup = continueButton()): Markup {
  const trust =
    method !== 'recovery' &&
    tick({
      label: 'Do not ask for this on this browser for 30 days',
      name: 'trust_browser',
      id: `trust-${method}`,
    });
  const body = [fields, trust, html`<div class="stack">${deed}</div>`];
  return html`<div data-way="${method}" hidden>
    ${form({ call: `POST /api/v1/auth/mfa/${method}`, body })}
  </div>`;
}

function passkeyButton(): Markup {
  return button('Use a passkey', { kind: 'primary', icon: 'passkey' });
}

function sendCode(): Markup {
  const send = button('Send me a code', {
    attributes: { type: 'button', 'data-sends-code': true },
  });
  return html`<p class="soft">The hub can send a code to your e-mail address.</p>
    <div class="stack">${send}</div>`;
}

function recoveryField(): Markup {
  return field({
    label: 'One of your recovery codes',
    name: 'code',
    id: 'factor-recovery',
    isRequired: true,
    hint: 'Twelve letters and digits. Dashes and capitals do not matter. It is used up by this.',
    attributes: { class: 'code-long', placeholder: 'XXXX-XXXX-XXXX' },
  });
}

function codeField(method: string, label: string): Markup {
  return field({
    label,
    name: 'code',
    id: `factor-${method}`,
    autocomplete: 'one-time-code',
    isRequired: true,
    attributes: { inputmode: 'numeric', pattern: '[0-9]{6}', maxlength: 6, class: 'code' },
  });
}

function continueButton(): Markup {
  return button('Continue', { kind: 'primary' });
}

/** Row A-17: what to do before somebody else does it. */
function lostPhoneDialog(): Markup {
  return dialog({
    id: 'lost-phone',
    title: 'Lost your phone?',
    body: html`<ul class="lost">
      <li>
        <strong>You have a recovery code:</strong> sign in with it, and make a new passkey. Then
        remove the lost one under Security.
      </li>
      <li>
        <strong>You are signed in somewhere else:</strong> open Security there and choose
        <em>Lock my account</em>. Then nothing that was on the phone opens it any more.
      </li>
      <li>
        <strong>Neither:</strong> whoever runs this hub can reset your account, so that you begin
        anew.
      </li>
    </ul>`,
  });
}

function startAddress(providerId: string, after: string): string {
  const query = after === '/' ? '' : `?return=${encodeURIComponent(after)}`;
  return `/auth/oidc/${encodeURIComponent(providerId)}/start${query}`;
}
