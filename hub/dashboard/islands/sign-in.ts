// Somebody at the door arrives; a passkey or a password and a factor leave for the hub, and the browser goes where it was going.

import { call, type Problem } from './call.ts';
import { fieldsOf, showProblem, whileBusy } from './forms.ts';
import { askPasskey, awaitPasskey, knowsPasskeys, offersPasskeys, stopAsking } from './passkeys.ts';
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
/** No passkey needs to be offered any more. */
let isFirstProven = false;
let isLeaving = false;
/** A browser asks one authenticator at a time, and the hub remembers its last question: a suggestion that comes late would end both. */
let isAskedByHand = false;
let suggestion: Promise<unknown> = Promise.resolve();
/** The list below the name offers passkeys now. */
let isSuggesting = false;
/** A second login would end the first, and the browser might leave before its cookies come: what is signed meanwhile joins. */
let entering: Promise<Step> | undefined;
/** The newest attempt is the one that people look at: what an older one hears, they are not told. */
let attempts = 0;
const passwordForm = document.querySelector<HTMLFormElement>('#password-form');
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
    void prove(passwordForm, async () => passwordFirst(passwordForm));
  },
  { capture: true },
);

/** The passkey's form has no field: its proof is made when it is sent. */
document.querySelector('[data-way="passkey"] form')?.addEventListener(
  'submit',
  (event) => {
    event.preventDefault();
    event.stopPropagation();
    const form = event.target as HTMLFormElement;
    void prove(form, async () => {
      const response = await askPasskey('/api/v1/auth/mfa/passkey/options', call);
      const trust = new FormData(form).has('trust_browser');
      return call<Step>('POST', '/api/v1/auth/mfa/passkey', { response, trust_browser: trust });
    });
  },
  { capture: true },
);

document.querySelector('[data-passkey]')?.addEventListener('click', () => {
  if (entering !== undefined) return;
  isAskedByHand = true;
  stopAsking();
  if (passwordForm !== null) void prove(passwordForm, passkeyAlone);
});

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
  void suggestPasskeys();
}

/** The list of suggestions below the name offers passkeys, so nobody has to know that they have one. */
async function suggestPasskeys(): Promise<void> {
  if (passwordForm === null || !(await offersPasskeys()) || isAskedByHand) return;
  let response: unknown;
  try {
    const asked = call('POST', '/api/v1/auth/passkey/options', {});
    suggestion = asked.catch(() => undefined);
    const options = await asked;
    if (isAskedByHand) return;
    isSuggesting = true;
    response = await awaitPasskey(options);
  } catch {
    // Nobody chose one, or the button was used instead: the form is still there.
    return;
  } finally {
    isSuggesting = false;
  }
  await prove(passwordForm, async () => enter(response));
  // Refused, or the page stood open for too long: with a new question it works the next time.
  if (!isFirstProven) void suggestPasskeys();
}

/** The cookie of a question that is still on its way would come over that of the password, and no code would fit any more. */
async function passwordFirst(form: HTMLFormElement): Promise<Step> {
  isAskedByHand = true;
  await suggestion;
  try {
    return await call<Step>('POST', '/api/v1/auth/login', fieldsOf(form));
  } catch (error) {
    isAskedByHand = false;
    if (!isSuggesting) void suggestPasskeys();
    throw error;
  }
}

async function passkeyAlone(): Promise<Step> {
  await suggestion;
  return enter(await askPasskey('/api/v1/auth/passkey/options', call));
}

async function enter(response: unknown): Promise<Step> {
  entering ??= call<Step>('POST', '/api/v1/auth/passkey', { response });
  try {
    return await entering;
  } catch (error) {
    entering = undefined;
    throw error;
  }
}

async function prove(form: HTMLFormElement, work: () => Promise<Step>): Promise<void> {
  const attempt = (attempts += 1);
  showProblem(form, undefined);
  await whileBusy(form, async () => {
    try {
      goOn(await work());
    } catch (error) {
      if (attempt === attempts) showProblem(form, (error as Problem).message);
    }
  });
}

function goOn(step: Step): void {
  isFirstProven = true;
  // The button's passkey and the suggested one may both arrive: the browser leaves once.
  if (isLeaving) return;
  if (step.kind === 'done') {
    isLeaving = true;
    location.assign(step.restriction === 'enrol' ? '/enrol' : (signIn?.dataset['after'] ?? '/'));
    return;
  }
  stopAsking();
  for (const each of document.querySelectorAll<HTMLElement>('[data-step]'))
    each.hidden = each.dataset['step'] !== 'factor';
  ways.offer(step.methods ?? []);
}
