// A copy button arrives; the text of the element it names is in the clipboard, and the button says so for a moment.

import { toast } from './toast.ts';

const saidMs = 2000;

export function startCopying(): void {
  document.addEventListener('click', (event) => {
    const button = (event.target as Element).closest<HTMLElement>('[data-copies]');
    if (button !== null) void copy(button);
  });
}

async function copy(button: HTMLElement): Promise<void> {
  const source = document.querySelector(`#${CSS.escape(button.dataset['copies'] ?? '')}`);
  const label = button.querySelector('span');
  if (source === null || label === null) return;
  const before = label.dataset['before'] ?? label.textContent ?? '';
  label.dataset['before'] = before;
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    label.textContent = 'Copied';
  } catch {
    getSelection()?.selectAllChildren(source);
    toast('The browser does not let the page copy. The text is selected: copy it by hand.');
  }
  setTimeout(() => (label.textContent = before), saidMs);
}
