// Somebody at the door arrives; a passkey or a password and a factor leave for the hub, and the browser goes where it was going.

import { Attempts, type Attempt, type Way } from './attempts.ts';
import { call, type Problem } from './call.ts';
import { fieldsOf, showProblem, whileBusy } from './forms.ts';
import { PasskeySuggestion } from './passkey-suggestion.ts';
import { askPasskey, knowsPasskeys, signWithPasskey, stopAsking } from './passkeys.ts';
import { toast } from './toast.ts';
import { WayPicker } from './way-picker.ts';

/** What the hub says to a step of signing in. */
interface Step {
  readonly kind: 'done' | 'factor';
  readonly methods?: readonly string[];
  /** A login that may only set up the account so far. */
  readonly restriction?: string | null;
}

const signIn = document.querySelector<HTMLElement>('[data-sign-in]');
const passwordForm = document.querySelector<HTMLFormElement>('#password-form');
const passkeyButton = document.querySelector<HTMLButtonElement>('[data-passkey]');
const attempts = new Attempts(showBusy);
const suggestion = new PasskeySuggestion();
const ways = new WayPicker(document.querySelector('[data-step="factor"]'), {
  passkey: 'Use a passkey',
  totp: 'Use your authenticator app',
  email: 'Get a code by e-mail',
  recovery: 'Use a recovery code',
});

document.addEventListener('answered', (event) => {
  event.preventDefault();
  goOn((event as CustomEvent<Step>).detail);
});

passwordForm?.addEventListener(
  'submit',
  (event) => {
    event.preventDefault();
    event.stopPropagation();
    void prove(passwordForm, 'password', async () =>
      call<Step>('POST', '/api/v1/auth/login', fieldsOf(passwordForm)),
    );
  },
  { capture: true },
);

passkeyButton?.addEventListener('click', () => {
  if (passwordForm !== null) void prove(passwordForm, 'passkey', passkeyByHand);
});

/** The passkey's form has no field: its proof is made when it is sent. */
document.querySelector('[data-way="passkey"] form')?.addEventListener(
  'submit',
  (event) => {
    event.preventDefault();
    event.stopPropagation();
    void provePasskeyFactor(event.target as HTMLFormElement);
  },
  { capture: true },
);

document.querySelector('[data-sends-code]')?.addEventListener('click', (event) => {
  const form = (event.target as Element).closest('form');
  if (form === null) return;
  void whileBusy(form, async () => {
    try {
      await call('POST', '/api/v1/auth/mfa/email/send');
      toast('If the account has an address, a code is on its way.');
    } catch (error) {
      showProblem(form, (error as Error).message);
    }
  });
});

/** A provider has proven the first half, and sent the browser here for the second. */
const methods = signIn?.dataset['methods'];
if (methods !== undefined) goOn({ kind: 'factor', methods: methods.split(',') });
else if (knowsPasskeys()) {
  for (const element of document.querySelectorAll<HTMLElement>('[data-needs-passkeys]'))
    element.hidden = false;
  if (passwordForm !== null) void suggestPasskeys(passwordForm);
}

async function suggestPasskeys(form: HTMLFormElement): Promise<void> {
  const response = await suggestion.chosen();
  if (response !== undefined) await prove(form, 'passkey', async () => enter(response));
}

/** The first proof. What failed can be tried again, and passkeys are suggested again: with a new question, since the last one may be used up. */
async function prove(
  form: HTMLFormElement,
  way: Way,
  work: (attempt: Attempt) => Promise<Step>,
): Promise<void> {
  const attempt = attempts.begin(way);
  if (attempt === undefined) return;
  showProblem(form, undefined);
  try {
    await suggestion.stop();
    goOn(await work(attempt));
  } catch (error) {
    if (!attempts.end(attempt)) return;
    showProblem(form, (error as Error).message);
    if (way === 'password' && (error as Problem).code === 'login.failed') offerToRetype(form);
    void suggestPasskeys(form);
  }
}

async function passkeyByHand(attempt: Attempt): Promise<Step> {
  const question = await call('POST', '/api/v1/auth/passkey/options', {});
  const sign = async (): Promise<unknown> => signWithPasskey(question);
  return enter(await attempts.atAuthenticator(attempt, sign));
}

async function enter(response: unknown): Promise<Step> {
  return call<Step>('POST', '/api/v1/auth/passkey', { response });
}

async function provePasskeyFactor(form: HTMLFormElement): Promise<void> {
  showProblem(form, undefined);
  await whileBusy(form, async () => {
    try {
      const response = await askPasskey('/api/v1/auth/mfa/passkey/options', call);
      const trust = new FormData(form).has('trust_browser');
      goOn(await call('POST', '/api/v1/auth/mfa/passkey', { response, trust_browser: trust }));
    } catch (error) {
      showProblem(form, (error as Error).message);
    }
  });
}

/** Not `disabled`: that would take the focus from whoever pressed it. That presses do nothing meanwhile is seen to by `attempts`. */
function showBusy(underWay: Way | undefined): void {
  const buttons: Record<Way, Element | null | undefined> = {
    passkey: passkeyButton,
    password: passwordForm?.querySelector('button[type="submit"]'),
  };
  for (const [way, button] of Object.entries(buttons)) {
    button?.setAttribute('aria-busy', String(way === underWay));
    button?.setAttribute('aria-disabled', String(underWay !== undefined && way !== underWay));
  }
}

function offerToRetype(form: HTMLFormElement): void {
  const input = form.querySelector<HTMLInputElement>('[name="password"]');
  input?.focus();
  input?.select();
}

function goOn(step: Step): void {
  if (step.kind === 'done') {
    location.assign(step.restriction === 'enrol' ? '/enrol' : (signIn?.dataset['after'] ?? '/'));
    return;
  }
  stopAsking();
  for (const each of document.querySelectorAll<HTMLElement>('[data-step]'))
    each.hidden = each.dataset['step'] !== 'factor';
  ways.offer(step.methods ?? []);
}
