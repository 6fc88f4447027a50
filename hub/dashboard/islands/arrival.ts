// The fragment of the address arrives with a token; it fills the form's field and is gone from the address.

import { call } from './call.ts';
import { showProblem } from './forms.ts';

const form = document.querySelector<HTMLFormElement>('[data-arrival]');
const token = decodeURIComponent(location.hash.slice(1)).replace(/^token=/, '');

if (form !== null && token !== '') {
  const input = form.querySelector<HTMLInputElement>('[name="token"]');
  const place = form.querySelector<HTMLElement>('[data-token-field]');
  if (input !== null && place !== null) {
    input.value = token;
    place.hidden = true;
  }
  // Neither the browser's history nor a screenshot shall keep it.
  history.replaceState(null, '', location.pathname);
  form.querySelector<HTMLElement>('[name="username"]')?.focus();
  const { looks } = form.dataset;
  if (looks !== undefined) void look(form, looks);
}

/** Whether it is still good is said at once, and the address that it was sent to is filled in. */
async function look(form: HTMLFormElement, path: string): Promise<void> {
  const email = form.querySelector<HTMLInputElement>('[name="email"]');
  try {
    const found = await call<{ email: string | null }>('POST', path, { token });
    if (email !== null && email.value === '') email.value = found.email ?? '';
  } catch (error) {
    showProblem(form, (error as Error).message);
  }
}
