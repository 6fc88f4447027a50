// Buttons with data-opens and data-closes arrive; the dialogs they name open and close.

export function startDialogs(): void {
  document.addEventListener('click', (event) => {
    const target = event.target as Element;
    const opener = target.closest<HTMLElement>('[data-opens]');
    if (opener !== null) openDialog(opener.dataset['opens'] ?? '');
    if (target.closest('[data-closes]') !== null) target.closest('dialog')?.close();
    // A click beside it lands on the dialog itself, since its content covers the rest.
    if (target instanceof HTMLDialogElement && isOutside(target, event)) target.close();
  });
}

export function openDialog(id: string): void {
  const dialog = document.querySelector<HTMLDialogElement>(`dialog#${CSS.escape(id)}`);
  if (dialog === null) return;
  for (const form of dialog.querySelectorAll('form')) form.reset();
  for (const problem of dialog.querySelectorAll<HTMLElement>('[data-problem]'))
    problem.hidden = true;
  dialog.showModal();
  dialog.querySelector<HTMLElement>('.dialog-body :is(input, select, textarea)')?.focus();
}

function isOutside(dialog: HTMLDialogElement, { clientX, clientY }: MouseEvent): boolean {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
