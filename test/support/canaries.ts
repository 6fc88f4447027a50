// Secrets arrive with their names, and texts that a hub wrote; where one of them stands in a text leaves, in whatever form.

import { Buffer } from 'node:buffer';

interface Canary {
  readonly name: string;
  readonly forms: readonly Form[];
  /** Texts that may hold it: the answer that told it to its owner. */
  readonly toldIn: Set<string>;
}

interface Form {
  readonly name: string;
  isIn(text: string): boolean;
}

/** What is shorter stands somewhere by chance: it counts as a word of its own only, and in no other form. */
const leastLength = 10;

export class Canaries {
  readonly #canaries = new Map<string, Canary>();

  get size(): number {
    return this.#canaries.size;
  }

  get names(): string[] {
    return [...new Set([...this.#canaries.values()].map(({ name }) => name))];
  }

  /** `toldIn`: the text in which the hub told it, once, to whom it is for. Returns the secret. */
  plant(name: string, secret: unknown, { toldIn }: { toldIn?: string } = {}): string {
    if (typeof secret !== 'string' || secret === '')
      throw new Error(`there is no ${name} to look for: ${String(toldIn)}`);
    const known = this.#canaries.get(secret) ?? { name, forms: formsOf(secret), toldIn: new Set() };
    if (toldIn !== undefined) known.toldIn.add(toldIn);
    this.#canaries.set(secret, known);
    return secret;
  }

  /** `password in the log, as hex`; never the secret itself. */
  leaksIn(place: string, text: string): string[] {
    return [...this.#canaries.values()].flatMap(({ name, forms, toldIn }) =>
      toldIn.has(text)
        ? []
        : forms
            .filter((form) => form.isIn(text))
            .map((form) => `${name} in ${place}, ${form.name}`),
    );
  }
}

function formsOf(secret: string): Form[] {
  if (secret.length < leastLength) return [wordForm(secret)];
  const bytes = Buffer.from(secret);
  const forms = [
    ['as it is', secret],
    ['as JSON', JSON.stringify(secret).slice(1, -1)],
    ['in an address', encodeURIComponent(secret)],
    ['in a form', new URLSearchParams([['', secret]]).toString().slice(1)],
    ['as hex', bytes.toString('hex')],
    ...base64Forms(bytes, 'as base64'),
    // What is written in base64url or hex stands for bytes, and those may be written in another way.
    ...decoded(secret).flatMap(([from, inner]) => [
      [`as hex of ${from}`, inner.toString('hex')] as const,
      ...base64Forms(inner, `as base64 of ${from}`),
    ]),
  ] as const;
  const byText = new Map(forms.map(([name, text]) => [text.toLowerCase(), name]));
  return [...byText].map(([text, name]) => ({
    name,
    isIn: (where) => lowered(where).includes(text),
  }));
}

function wordForm(word: string): Form {
  const escaped = word.replaceAll(/[^A-Za-z0-9]/g, String.raw`\$&`);
  // Behind a point or a colon six digits are a part of a time.
  const pattern = new RegExp(`(?<![0-9A-Za-z.:+-])${escaped}(?![0-9A-Za-z])`, 'i');
  return { name: 'as it is', isIn: (text) => pattern.test(text) };
}

/** Wherever it begins among other bytes, in both alphabets; what depends on its neighbours is cut off. */
function base64Forms(bytes: Buffer, name: string): (readonly [name: string, text: string])[] {
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const own = text.slice(shift === 0 ? 0 : shift + 1, -1);
    const url = own.replaceAll('+', '-').replaceAll('/', '_');
    return [[name, own] as const, [`${name}url`, url] as const];
  });
}

function decoded(secret: string): (readonly [name: string, bytes: Buffer])[] {
  if (/^(?:[0-9a-f]{2}){8,}$/i.test(secret)) return [['hex', Buffer.from(secret, 'hex')]];
  if (!/^[\w-]{22,}$/.test(secret)) return [];
  return [['base64url', Buffer.from(secret, 'base64url')]];
}

let last = { text: '', lowered: '' };

/** A log is looked through for hundreds of forms: it is lowered once. */
function lowered(text: string): string {
  if (last.text !== text) last = { text, lowered: text.toLowerCase() };
  return last.lowered;
}
