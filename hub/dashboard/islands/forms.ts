// A form with data-call arrives when it is sent; its fields leave as JSON, and what the hub answers decides what happens next.

import { call, Cancelled } from './call.ts';
import { toast, toastNext } from './toast.ts';

export function startForms(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement;
    if (form.dataset['call'] === undefined) return;
    event.preventDefault();
    void send(form);
  });
}

async function send(form: HTMLFormElement): Promise<void> {
  const [method = 'POST', path = ''] = (form.dataset['call'] ?? '').split(' ');
  const mistyped = [...form.querySelectorAll<HTMLInputElement>('[data-typed]')].find(
    (input) => input.value.trim() !== input.dataset['typed'],
  );
  if (mistyped !== undefined) {
    showProblem(form, `Type ${mistyped.dataset['typed']} exactly, then confirm.`);
    mistyped.focus();
    return;
  }
  showProblem(form, undefined);
  await whileBusy(form, async () => {
    try {
      const body = method === 'DELETE' && !hasFields(form) ? undefined : fieldsOf(form);
      succeed(form, await call(method, path, body));
    } catch (error) {
      if (!(error instanceof Cancelled)) showProblem(form, (error as Error).message);
    }
  });
}

/** An island that listens for `answered` and prevents its default decides what follows. */
function succeed(form: HTMLFormElement, answer: unknown): void {
  const { after = '', said } = form.dataset;
  const isOurs = form.dispatchEvent(
    new CustomEvent('answered', { detail: answer, bubbles: true, cancelable: true }),
  );
  if (!isOurs) return;
  const [deed, target = ''] = after.split(' ');
  const leaves = deed === 'reload' || deed === 'go' || deed === 'follow';
  if (said !== undefined) (leaves ? toastNext : toast)(said);
  if (deed === 'reload') location.reload();
  else if (deed === 'go') location.assign(target);
  // Where the answer says, such as to a provider.
  else if (deed === 'follow') location.assign((answer as { location: string }).location);
  else form.closest('dialog')?.close();
}

/** In the form, where people look; focus stays where it is, and readers of screens are told. */
export function showProblem(form: Element, text: string | undefined): void {
  const place = form.querySelector<HTMLElement>('[data-problem]');
  if (place === null) {
    if (text !== undefined) toast(text, 'bad');
    return;
  }
  place.hidden = text === undefined;
  place.textContent = text ?? '';
  if (text !== undefined) place.scrollIntoView({ block: 'nearest' });
}

/** A second press while the first is under way would make two of it. */
export async function whileBusy(form: Element, work: () => Promise<void>): Promise<void> {
  const buttons = [...form.querySelectorAll<HTMLButtonElement>('button:not([type="button"])')];
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function hasFields(form: HTMLFormElement): boolean {
  return [...form.elements].some(
    (each) => (each as HTMLInputElement).name !== '' && !isLeftOut(each),
  );
}

function isLeftOut(element: Element): boolean {
  return (element as HTMLElement).dataset['leftOut'] !== undefined;
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** What stays empty is not said, unless it means that there shall be nothing (data-null). */
export function fieldsOf(form: HTMLFormElement): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const element of form.elements) {
    const input = element as Field;
    if (input.name === undefined || input.name === '' || input.disabled || isLeftOut(input))
      continue;
    const value = valueOf(input, fields[input.name]);
    if (value !== undefined) put(fields, input.name, value);
  }
  return fields;
}

/** `role_map.admin` is `admin` within `role_map`. */
function put(fields: Record<string, unknown>, name: string, value: unknown): void {
  const dot = name.indexOf('.');
  if (dot === -1) return void (fields[name] = value);
  const inner = (fields[name.slice(0, dot)] ??= {}) as Record<string, unknown>;
  inner[name.slice(dot + 1)] = value;
  return undefined;
}

function valueOf(input: Field, before: unknown): unknown {
  if (input instanceof HTMLInputElement && input.type === 'checkbox') return ticked(input, before);
  if (input instanceof HTMLInputElement && input.type === 'radio')
    return input.checked ? input.value : undefined;
  if (input.dataset['lines'] !== undefined)
    return input.value
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  if (input.value === '') return input.dataset['null'] === undefined ? undefined : null;
  const isNumber = input.type === 'number' || input.dataset['number'] !== undefined;
  if (!isNumber) return input.value;
  // People count in gigabytes what the API counts in bytes.
  return Number(input.value) * Number(input.dataset['times'] ?? 1);
}

/** Several boxes of one name are a list of those that are ticked. */
function ticked(input: HTMLInputElement, before: unknown): unknown {
  if (input.dataset['list'] === undefined) return input.checked;
  const list = (before ?? []) as string[];
  return input.checked ? [...list, input.value] : list;
}
