// A secret's text arrives; an object leaves that every way of printing shows as [secret], and that only reveal() opens.

import { inspect } from 'node:util';

const mask = '[secret]';

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}

/**
 * True for what people leave in place by accident: words of tutorials and compose files, a row of one character.
 * Such a secret is known to everyone, so a program that accepts it is open.
 */
export function isPlaceholder(text: string): boolean {
  const folded = text.trim().toLowerCase();
  // Of an address, the password in it is the secret.
  const password = URL.parse(folded)?.password ?? '';
  if (password !== '') return isPlaceholder(password);
  return placeholders.has(folded) || /^(.)\1*$/.test(folded) || /^(<.*>|\$\{.*\})$/.test(folded);
}

const placeholders = new Set([
  'default-secret-change-me',
  'change-me',
  'change_me',
  'changeme',
  'changeit',
  'changethis',
  'default',
  'demo',
  'example',
  'insecure',
  'letmein',
  'pass',
  'passwd',
  'password',
  'phlix',
  'phlix-hub',
  'placeholder',
  'replace-me',
  'replaceme',
  'secret',
  'supersecret',
  'test',
  'todo',
  'your-secret-here',
  'xxx',
  '123456',
  '12345678',
]);
