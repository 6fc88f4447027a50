// The page Security arrives; its buttons make passkeys, set up the authenticator app, and show new recovery codes.

import { Cancelled } from './call.ts';
import { addPasskey, startTotp } from './factors.ts';
import { showProblem } from './forms.ts';
import { showRecoveryCodes } from './recovery-codes.ts';
import { toastNext } from './toast.ts';

document.addEventListener('click', (event) => {
  const target = event.target as Element;
  const passkey = target.closest<HTMLButtonElement>('[data-makes-passkey]');
  if (passkey !== null) void attempt(passkey, newPasskey);
  const totp = target.closest<HTMLButtonElement>('[data-starts-totp]');
  if (totp !== null) void attempt(totp, startTotp);
});

document.querySelector('#totp-form')?.addEventListener('answered', (event) => {
  event.preventDefault();
  toastNext('The authenticator app is set up.');
  location.reload();
});

document.querySelector('#new-recovery-codes')?.addEventListener('answered', (event) => {
  event.preventDefault();
  (event.currentTarget as HTMLDialogElement).close();
  showRecoveryCodes((event as CustomEvent<{ codes: readonly string[] }>).detail.codes);
});

async function newPasskey(): Promise<void> {
  await addPasskey();
  toastNext('The passkey is made.');
  location.reload();
}

async function attempt(button: HTMLButtonElement, work: () => Promise<void>): Promise<void> {
  const card = button.closest('.card') ?? document.body;
  showProblem(card, undefined);
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Cancelled)) showProblem(card, (error as Error).message);
  } finally {
    button.disabled = false;
  }
}
