// A secret of an answer arrives; it stands in the page's empty place for it, until the page is left.

/** `id` as parts/secret.ts was given it. */
export function showSecret(id: string, text: string): void {
  const output = document.querySelector(`#${CSS.escape(id)}`);
  const frame = output?.closest<HTMLElement>('[data-secret]');
  if (output === null || frame === null || frame === undefined) return;
  output.textContent = text;
  frame.hidden = false;
  frame.scrollIntoView({ block: 'nearest' });
  frame.querySelector<HTMLElement>('[data-copies]')?.focus();
}
