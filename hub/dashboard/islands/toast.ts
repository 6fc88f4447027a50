// A sentence arrives; it is shown for a while, and read to those who cannot see it.

const storageKey = 'phlix-toast';
/** Long enough to read two lines twice. */
const shownMs = 6000;

export function toast(text: string, tone: 'calm' | 'bad' = 'calm'): void {
  const place = document.querySelector('#toasts');
  const element = document.createElement('p');
  element.className = `toast ${tone}`;
  element.textContent = text;
  place?.append(element);
  setTimeout(() => element.remove(), shownMs);
}

/** For a page that is about to be left: the next one says it. */
export function toastNext(text: string): void {
  sessionStorage.setItem(storageKey, text);
}

export function showToastFromBefore(): void {
  const text = sessionStorage.getItem(storageKey);
  sessionStorage.removeItem(storageKey);
  if (text !== null) toast(text);
}
