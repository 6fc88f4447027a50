// Somebody at the second step of a new account arrives; a factor is made, then the codes for the day it is lost, and the way in is open.

import { Cancelled } from './call.ts';
import { addPasskey, newRecoveryCodes, startTotp } from './factors.ts';
import { showProblem, whileBusy } from './forms.ts';
import { knowsPasskeys } from './passkeys.ts';
import { showRecoveryCodes } from './recovery-codes.ts';

const root = document.querySelector<HTMLElement>('[data-enrol]');
/** Made while an authenticator app is being set up; shown once it is. */
let early: readonly string[] | undefined;

if (knowsPasskeys())
  for (const element of document.querySelectorAll<HTMLElement>('[data-needs-passkeys]'))
    element.hidden = false;

document.addEventListener('click', (event) => {
  const target = event.target as Element;
  if (target.closest('[data-makes-passkey]') !== null)
    attempt(async () => {
      const codes = await codesBefore();
      await addPasskey();
      await showCodes(codes);
    });
  if (target.closest('[data-starts-totp]') !== null)
    attempt(async () => {
      early = await codesBefore();
      await startTotp();
    });
  const leaves = target.closest<HTMLElement>('[data-leaves]');
  if (leaves !== null) location.assign(leaves.dataset['leaves'] ?? '/');
});

document.querySelector('#totp-form')?.addEventListener('answered', (event) => {
  event.preventDefault();
  attempt(async () => showCodes(early));
});

/** Once there is a factor the hub wants it shown for new codes; before, there is none to ask for. */
async function codesBefore(): Promise<readonly string[] | undefined> {
  return root?.dataset['codesFirst'] === undefined ? undefined : newRecoveryCodes();
}

async function showCodes(codes: readonly string[] | undefined): Promise<void> {
  showRecoveryCodes(codes ?? (await newRecoveryCodes()));
  for (const step of document.querySelectorAll<HTMLElement>('[data-step]'))
    step.hidden = step.dataset['step'] !== 'recovery';
  document.querySelector<HTMLElement>('#main')?.focus();
}

function attempt(work: () => Promise<void>): void {
  if (root === null) return;
  showProblem(root, undefined);
  void whileBusy(root, async () => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Cancelled)) showProblem(root, (error as Error).message);
    }
  });
}
