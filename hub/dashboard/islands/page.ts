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
  const signsOut = target.closest<HTMLElement>('[data-signs-out]');
  if (signsOut !== null) void signOut(signsOut.dataset['signsOut'] ?? '');
});

function reveal(button: HTMLElement): void {
  const input = document.querySelector<HTMLInputElement>(`#${button.dataset['reveals']}`);
  if (input === null) return;
  const isHidden = input.type === 'password';
  input.type = isHidden ? 'text' : 'password';
  button.textContent = isHidden ? 'Hide' : 'Show';
  button.setAttribute('aria-pressed', String(isHidden));
}

async function signOut(path: string): Promise<void> {
  try {
    const left = await call<{ location: string } | undefined>('POST', path);
    location.assign(left?.location ?? '/sign-in');
  } catch (error) {
    toast((error as Error).message, 'bad');
  }
}
