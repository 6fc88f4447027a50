// Every page arrives; its forms call the hub, its dialogs open, its copy buttons copy, and its times are the reader's own.

import { startCopying } from './copying.ts';
import { startDialogs } from './dialogs.ts';
import { startForms } from './forms.ts';
import { call } from './call.ts';
import { showTimes } from './times.ts';
import { showToastFromBefore, toast } from './toast.ts';

startForms();
startDialogs();
startCopying();
showTimes(document);
showToastFromBefore();

document.addEventListener('click', (event) => {
  const target = event.target as Element;
  const reveals = target.closest<HTMLElement>('[data-reveals]');
  if (reveals !== null) reveal(reveals);
  if (target.closest('[data-signs-out]') !== null) void signOut();
});

function reveal(button: HTMLElement): void {
  const input = document.querySelector<HTMLInputElement>(`#${button.dataset['reveals']}`);
  if (input === null) return;
  const isHidden = input.type === 'password';
  input.type = isHidden ? 'text' : 'password';
  button.textContent = isHidden ? 'Hide' : 'Show';
  button.setAttribute('aria-pressed', String(isHidden));
}

async function signOut(): Promise<void> {
  try {
    await call('POST', '/api/v1/auth/logout');
    location.assign('/sign-in');
  } catch (error) {
    toast((error as Error).message, 'bad');
  }
}
