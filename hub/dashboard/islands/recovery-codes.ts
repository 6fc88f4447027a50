// Ten new recovery codes arrive; they stand on the page, and can be copied, saved as a file and printed.

export function showRecoveryCodes(codes: readonly string[]): void {
  const panel = document.querySelector<HTMLElement>('[data-recovery-codes]');
  const list = panel?.querySelector('ol');
  if (panel === null || list === null || list === undefined) return;
  list.replaceChildren(
    ...codes.flatMap((code, at) => {
      const item = document.createElement('li');
      item.textContent = code;
      // So that copying the list's text gives one code in each line.
      return at === 0 ? [item] : ['\n', item];
    }),
  );
  panel.hidden = false;
}

document.addEventListener('click', (event) => {
  const target = event.target as Element;
  if (target.closest('[data-downloads-codes]') !== null) download();
  if (target.closest('[data-prints]') !== null) print();
});

function download(): void {
  const codes = document.querySelector('#recovery-codes')?.textContent ?? '';
  const text = `Recovery codes for ${location.host}\nEach works once.\n\n${codes}\n`;
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `recovery-codes-${location.hostname}.txt`;
  link.click();
  URL.revokeObjectURL(url);
}
