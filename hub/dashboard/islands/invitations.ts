// The wish to invite somebody arrives; another admin is asked for at a door of its own, and the link is shown, this once.

import { renew } from './renewal.ts';
import { showSecret } from './secrets.ts';

const form = document.querySelector<HTMLFormElement>('#invite-form');
const usual = 'POST /api/v1/admin/invitations';

form?.querySelector('[name="role"]')?.addEventListener('change', ({ target }) => {
  const select = target as HTMLSelectElement;
  const isAdmin = select.value === 'admin';
  form.dataset['call'] = isAdmin ? `${usual}/admins` : usual;
  // The path says it already.
  select.toggleAttribute('data-left-out', isAdmin);
});

form?.addEventListener('reset', () => {
  form.dataset['call'] = usual;
  form.querySelector('[name="role"]')?.removeAttribute('data-left-out');
});

form?.addEventListener('answered', (event) => {
  event.preventDefault();
  const { link } = (event as CustomEvent<{ link: string }>).detail;
  form.closest('dialog')?.close();
  showSecret('invitation-link', link);
  // Not by loading the page again: the link is shown this once.
  void renew('invitations');
});
