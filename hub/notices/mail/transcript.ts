// What nodemailer tells of its talk with a server arrives; the lines that a person may see leave: never a password, whichever way it is spelled.

import { Buffer } from 'node:buffer';
import { format } from 'node:util';

/** A talk of more lines than this is no talk with a mail server. */
const maxLines = 200;
const maxLineLength = 500;

interface Entry {
  readonly tnx?: unknown;
}

/** What nodemailer calls a logger; it asks for all of these levels. */
export class Transcript {
  readonly #lines: string[] = [];
  readonly #secrets: readonly string[];

  /** `credentials`: user and password, undefined where the server is spoken to without. */
  constructor(credentials?: { readonly user: string; readonly password: string }) {
    this.#secrets = credentials === undefined ? [] : spellings(credentials);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  readonly trace = (): void => undefined;
  readonly debug = (entry: Entry, text: string, ...values: unknown[]): void =>
    this.#note(entry, text, values);
  readonly info = this.debug;
  readonly warn = this.debug;
  readonly error = this.debug;
  readonly fatal = this.debug;

  #note({ tnx }: Entry, text: string, values: readonly unknown[]): void {
    // The letter itself is the sender's own business.
    if (tnx === 'message') return;
    const mark = tnx === 'client' ? '>' : tnx === 'server' ? '<' : '*';
    for (const line of format(text, ...values).split(/\r?\n/)) {
      if (this.#lines.length < maxLines) this.#lines.push(`${mark} ${this.#masked(line)}`);
    }
  }

  #masked(line: string): string {
    let masked = line;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, '[secret]');
    return masked.slice(0, maxLineLength);
  }
}

/** As SASL writes them: in clear, alone in base64 (LOGIN), and together (PLAIN). The longest first: one may hold another. */
function spellings({ user, password }: { user: string; password: string }): string[] {
  const together = base64(`\0${user}\0${password}`);
  return [password, base64(password), together]
    .filter((text) => text !== '')
    .toSorted((a, b) => b.length - a.length);
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
