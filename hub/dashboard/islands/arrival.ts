// The fragment of the address arrives with a token; it fills the form's field and is gone from the address.

import { call } from './call.ts';
import { showProblem } from './forms.ts';

const form = document.querySelector<HTMLFormElement>('[data-arrival]');

if (form !== null) {
  takeToken(form);
  // The link was opened where this page stood already: browsers do not load it anew.
  addEventListener('hashchange', () => takeToken(form));
}

function takeToken(form: HTMLFormElement): void {
  const token = tokenInAddress();
  const input = form.querySelector<HTMLInputElement>('[name="token"]');
  const place = form.querySelector<HTMLElement>('[data-token-field]');
  if (token === '' || input === null || place === null) return;
  input.value = token;
  place.hidden = true;
  // Neither the browser's history nor a screenshot shall keep it.
  history.replaceState(null, '', location.pathname);
  form.querySelector<HTMLElement>('input:not([name="token"]), button.primary')?.focus();
  const { looks } = form.dataset;
  if (looks !== undefined) void look(form, looks, token);
}

/** Tokens are base64url: whatever else stands there is none. */
function tokenInAddress(): string {
  return /^#(?:token=)?([\w-]+)$/.exec(location.hash)?.[1] ?? '';
}

/** Whether it is still good is said at once, and the address that it was sent to is filled in. */
async function look(form: HTMLFormElement, path: string, token: string): Promise<void> {
  const email = form.querySelector<HTMLInputElement>('[name="email"]');
  try {
    const found = await call<{ email: string | null }>('POST', path, { token });
    if (email !== null && email.value === '') email.value = found.email ?? '';
  } catch (error) {
    showProblem(form, (error as Error).message);
  }
}
