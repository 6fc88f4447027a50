// An account with all that it can be opened by arrives; the page leaves where its owner looks after it.

import type { Context } from 'hono';

import type { LoginCaller } from '../../accounts/caller.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { linkButton, opener } from '../parts/button.ts';
import { callout } from '../parts/callout.ts';
import { card } from '../parts/card.ts';
import type { Content, Markup } from '../parts/markup.ts';
import type { PeopleServices } from '../services.ts';
import { accountCards } from './security/account-cards.ts';
import { factorCards } from './security/factor-cards.ts';
import { passwordCard } from './security/password-card.ts';
import { problemWords } from './problem-words.ts';
import type { Keeping } from './security/keeping.ts';
import { trustedBrowsersCard } from './security/trusted-browsers-card.ts';

type Services = Pick<
  PeopleServices,
  | 'accounts'
  | 'localLogin'
  | 'passkeys'
  | 'totp'
  | 'recovery'
  | 'trustedBrowsers'
  | 'providers'
  | 'ssoLinks'
  | 'mail'
>;

/** With fewer a new set is due: one is used up at each loss. */
const fewRecoveryCodes = 3;

export async function securityPage(
  context: Context<DashboardEnv>,
  caller: LoginCaller,
  services: Services,
): Promise<Response> {
  const keeping = await keepingOf(caller, services);
  // Of a provider that was to be linked.
  const problem = context.req.query('problem');
  return appPage(context, {
    title: 'Security',
    here: 'security',
    lead: 'What opens your account, and what to do when something is lost.',
    islands: ['security'],
    body: [
      problem !== undefined && callout({ tone: 'bad', body: problemWords(problem) }),
      warnings(keeping),
      factorCards(keeping),
      passwordCard(keeping),
      trustedBrowsersCard(keeping),
      accountCards(keeping, caller),
      noticesCard(),
    ],
  });
}

function noticesCard(): Markup {
  return card({
    title: 'Notices',
    lead: 'Beside mail: a webhook, ntfy or Gotify hears of your account and your servers.',
    actions: linkButton('Places', '/notices', { icon: 'bell' }),
  });
}

async function keepingOf({ account }: LoginCaller, services: Services): Promise<Keeping> {
  const [passkeys, totp, codesLeft, browsers, hasPassword, links, providers, takesPasswords] =
    await Promise.all([
      services.passkeys.list(account.id),
      services.totp.find(account.id),
      services.recovery.left(account.id),
      services.trustedBrowsers.list(account.id),
      services.accounts.hasPassword(account.id),
      services.ssoLinks.listOf(account.id),
      services.providers.offered(),
      services.localLogin.isOpen(),
    ]);
  return {
    account,
    passkeys,
    totp,
    codesLeft,
    browsers,
    hasPassword,
    takesPasswords,
    links,
    providers,
    isMailThere: services.mail.isThere,
  };
}

/** What should be looked at first, the worst first; nothing when all is well. */
function warnings(keeping: Keeping): Content {
  const { account, passkeys, totp, codesLeft } = keeping;
  const hasFactor = passkeys.length > 0 || totp !== undefined;
  return [
    account.passwordBreached &&
      callout({
        tone: 'bad',
        title: 'Your password is known',
        body: 'It has been in a leak of some other site. Whoever tries such lists gets in: change it now.',
        action: opener('Change it', 'change-password', { kind: 'danger' }),
      }),
    !hasFactor &&
      callout({
        tone: 'warn',
        title: 'Your account has one lock only',
        body: 'A passkey takes half a minute and keeps everybody else out, whatever happens to your password.',
        action: linkButton('Make a passkey', '/enrol', { kind: 'primary' }),
      }),
    hasFactor &&
      codesLeft < fewRecoveryCodes &&
      callout({
        tone: 'warn',
        title: codesLeft === 0 ? 'You have no recovery codes' : `Recovery codes left: ${codesLeft}`,
        body: 'If your phone is lost, they are the way back. Make new ones and put them somewhere safe.',
        action: opener('Make new codes', 'new-recovery-codes'),
      }),
  ];
}
