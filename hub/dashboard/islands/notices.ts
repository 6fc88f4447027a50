// A new place for notices, or a test of one, arrives answered; its key is shown once, and what came of the test is said.

import { showSecret } from './secrets.ts';

interface TestAnswer {
  readonly is_sent: boolean;
  readonly reason: string | null;
  readonly transcript: readonly string[];
}

document.querySelector('#new-target')?.addEventListener('answered', (event) => {
  const { secret } = (event as CustomEvent<{ secret: string | null }>).detail;
  if (secret === null) return;
  // Only a page that stays can show it.
  event.preventDefault();
  (event.target as Element).closest('dialog')?.close();
  showSecret('target-secret', secret);
});

for (const form of document.querySelectorAll<HTMLElement>('[data-tests]'))
  form.addEventListener('answered', (event) => {
    event.preventDefault();
    const { is_sent: isSent, reason, transcript } = (event as CustomEvent<TestAnswer>).detail;
    const label = form.dataset['tests'] ?? '';
    const place = document.querySelector('[data-test-said]');
    if (place === null) return;
    const outcome = isSent
      ? `${label} took the test.`
      : `${label} did not: ${reason ?? 'no reason'}`;
    const talk = document.createElement('pre');
    talk.textContent = transcript.join('\n');
    place.replaceChildren(outcome, ...(transcript.length > 0 ? [talk] : []));
  });
