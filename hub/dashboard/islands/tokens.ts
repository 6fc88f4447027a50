// The form of a new token arrives answered; the token is shown, this once.

import { showSecret } from './secrets.ts';

document.querySelector('#new-token-form')?.addEventListener('answered', (event) => {
  event.preventDefault();
  const { token } = (event as CustomEvent<{ token: string }>).detail;
  (event.target as Element).closest('dialog')?.close();
  showSecret('token-text', token);
});
