// Somebody whose account is not safe yet arrives: new, or after a recovery code or a reset; the steps to make it safe leave.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { doorCard, doorPage } from '../layout.ts';
import { button } from '../parts/button.ts';
import type { Markup } from '../parts/markup.ts';
import { progress } from '../parts/progress.ts';
import { recoveryCodesPanel } from '../parts/recovery-codes.ts';
import { totpPanel } from '../parts/totp-panel.ts';
import { arrivalSteps } from './arrival.ts';

export async function enrolPage(context: Context<DashboardEnv>): Promise<Response> {
  if (context.get('caller').kind !== 'login') return context.redirect('/sign-in', 303);
  return doorPage(context, {
    title: 'Make your account safe',
    islands: ['enrol'],
    body: html`<div data-enrol>
      <div data-step="factor">${factorCard()}</div>
      <div data-step="recovery" hidden>${recoveryCard()}</div>
    </div>`,
  });
}

function factorCard(): Markup {
  return doorCard({
    title: 'Make it safe',
    lead: 'A passkey lives on your phone or computer and opens with your face, finger or PIN. Nobody can guess it, and no false page can ask for it.',
    body: [
      progress(arrivalSteps, 1),
      html`<p class="problem" role="alert" data-problem hidden></p>`,
      html`<div class="stack" data-needs-passkeys hidden>
        ${button('Make a passkey', {
          kind: 'primary',
          icon: 'passkey',
          attributes: { type: 'button', 'data-makes-passkey': true },
        })}
      </div>`,
      html`<p class="or" data-needs-passkeys hidden>or</p>`,
      html`<div class="stack">
        ${button('Use an authenticator app', {
          icon: 'phone',
          attributes: { type: 'button', 'data-starts-totp': true },
        })}
      </div>`,
      totpPanel(),
    ],
  });
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
