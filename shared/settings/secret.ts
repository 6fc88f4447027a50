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
 * True for what people leave in place by accident: words of tutorials and compose files, a row of one character or of a few,
 * a counter. Such a secret is known to everyone, so a program that accepts it is open.
 */
export function isPlaceholder(text: string): boolean {
  const folded = text.trim().toLowerCase();
  // Of an address, the password in it is the secret.
  const password = URL.parse(withHost(folded))?.password ?? '';
  if (password !== '') return isPlaceholder(decoded(password));
  return (
    placeholders.has(folded) ||
    placeholderWords.includes(folded) ||
    /^(.)\1*$/.test(folded) ||
    isPadded(folded) ||
    /^(<.*>|\$\{.*\}|\{\{.*\}\})$/.test(folded) ||
    // A variable's name that nothing has filled in.
    /^\$[A-Z_][A-Z0-9_]+$/.test(text.trim())
  );
}

/** `user:password@/database`, libpq's way to say that the host is a socket named behind it, is no URL until it has one. */
function withHost(text: string): string {
  return text.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?#]|$)/, '$1socket.invalid');
}

/** A password in a URL may be written with %-signs, which hide nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What fingers write when a program wants a length: `0123456789abcdef` twice, or change-me with more words around it. */
function isPadded(folded: string): boolean {
  if (folded.length > 5 && counters.some((counter) => counter.includes(folded))) return true;
  if (folded.length < paddedLength) return false;
  return /^(.{1,16}?)\1+$/.test(folded) || placeholderWords.some((word) => folded.includes(word));
}

/** Shorter ones are not made to reach a length. */
const paddedLength = 20;

const counters = [
  '01234567890123456789012345678901234567890123456789012345678901234567890123456789',
  '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
  '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  'abcdefghijklmnopqrstuvwxyz0123456789',
  'abcdefghijklmnopqrstuvwxyz1234567890',
  'qwertyuiopasdfghjklzxcvbnm',
];

/** Nobody draws these by chance, and whoever writes them means that another text belongs there. */
const placeholderWords = [
  'change-me',
  'change_me',
  'changeme',
  'change-this',
  'change_this',
  'changethis',
  'default-secret',
  'default_secret',
  'insert-your',
  'my-secret',
  'my_secret',
  'mysecret',
  'placeholder',
  'put-your',
  'replace-me',
  'replace_me',
  'replaceme',
  'replace-this',
  'replace_this',
  'replace-with',
  'replace_with',
  'supersecret',
  'super-secret',
  'top-secret',
  'your-secret',
  'your_secret',
  'yoursecret',
  'your-password',
  'your_password',
  'your-token',
  'your_token',
  'your-key',
  'your_key',
];

const placeholders = new Set([
  '...',
  'abc123',
  'admin',
  'changeit',
  'default',
  'demo',
  'dev',
  'example',
  'examplesecret',
  'fixme',
  'hub',
  'insecure',
  'letmein',
  'none',
  'null',
  'pass',
  'passphrase',
  'passw0rd',
  'passwd',
  'password',
  'password1',
  'phe_...',
  'phlix',
  'phlix-agent',
  'phlix-hub',
  'phlixhub',
  'phlix_hub',
  'postgres',
  'root',
  'secret',
  'secret-key',
  'secret_key',
  'secretkey',
  'tbd',
  'test',
  'test1234',
  'testing',
  'todo',
  'token',
  'undefined',
]);
