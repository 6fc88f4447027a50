// A request target arrives; the words of its path leave as the most tolerant of media servers might read them. Pure (security row B-12).

import { Buffer } from 'node:buffer';

export interface LoosePath {
  /** In lower case; empty segments and `.` are gone. */
  readonly words: readonly string[];
  /** A `..` stood among them: which of the words before it are left is a question of the reader. */
  readonly climbs: boolean;
  /** It begins with two slashes: a reader of URLs takes the first word for a host. */
  readonly mayNameHost: boolean;
}

/** The path of an origin-form target with everything decoded that anybody decodes, in lower case, not yet cut into words. */
export function looseText(target: string): string {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return plainPattern.test(path) ? path.toLowerCase() : decoded(path);
}

/**
 * Whatever a server does to a path before it looks it up, decoding once or often, merging slashes, dropping parameters and
 * dots, resolving `..`, cutting at a NUL: the words it ends with are among these, in this order.
 */
export function loosePath(text: string): LoosePath {
  const words: string[] = [];
  let climbs = false;
  for (const segment of text.split(/[/\\]/)) {
    // Behind `;` are parameters (RFC 3986 §3.3); `?`, `#` and NUL, decoded from an escape, end what some still read.
    const [word = ''] = segment.split(/[;?#\0]/, 1);
    if (/^\.[. ]+$/.test(word)) climbs = true;
    // Windows drops dots and blanks at the end of a name; `.json` chooses a format of the same answer.
    const kept = withoutTail(word).replace(/\.(?:json|xml)$/, '');
    if (kept !== '') words.push(kept);
  }
  return { words, climbs, mayNameHost: /^[/\\](?:\.[/\\])*[/\\]/.test(text) };
}

/** A loop, not `[.\s]+$`: that looks at every dot for each dot before it, and a path of dots holds the hub up for a second. */
function withoutTail(word: string): string {
  let end = word.length;
  while (end > 0 && droppedAtEnd.test(word.charAt(end - 1))) end -= 1;
  return word.slice(0, end);
}

const droppedAtEnd = /[.\s]/;

/** Nothing that could be read in two ways but for the case of letters. */
const plainPattern = /^[!-$&-~]*$/;

const escapePattern = /%(?:u[0-9a-f]{4}|[0-9a-f]{2})/i;

/** Decoding can write new escapes (`％` is `%` to some): more rounds than any server has, and each is linear. */
const rounds = 4;

function decoded(path: string): string {
  let text = path;
  for (let round = 0; round < rounds; round++) {
    text = folded(fromUtf8(withoutEscapes(text)));
    if (!escapePattern.test(text)) break;
  }
  return text;
}

/**
 * As if decoded again and again until nothing changes, in one pass: what an escape leaves may end the escape before it.
 * The text stays one character for each byte, `%u0073` apart.
 */
function withoutEscapes(text: string): string {
  const once = text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (!escapePattern.test(once)) return once;
  const left: string[] = [];
  for (const character of once) {
    left.push(character);
    reduce(left, 3, /^%([0-9a-f]{2})$/i);
    reduce(left, 6, /^%u([0-9a-f]{4})$/i);
  }
  return left.join('');
}

function reduce(left: string[], length: number, escape: RegExp): void {
  if (left.at(-length) !== '%') return;
  const hex = escape.exec(left.slice(-length).join(''))?.[1];
  if (hex === undefined) return;
  left.splice(-length, length, String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Also the forms of ASCII that are longer than they should be (`%c0%af` for a slash), which lenient decoders take. */
function fromUtf8(text: string): string {
  // Wider characters come from `%u`, or from a round before: those are decoded already.
  if (/[^\0-\xff]/.test(text)) return text;
  const short = text
    .replaceAll(/[\xc0\xc1][\x80-\xbf]/g, (pair) => sixBits(pair.charCodeAt(0), pair.charCodeAt(1)))
    .replaceAll(/(?:\xe0|\xf0\x80)[\x80\x81][\x80-\xbf]/g, (bytes) =>
      sixBits(bytes.charCodeAt(bytes.length - 2), bytes.charCodeAt(bytes.length - 1)),
    );
  return Buffer.from(short, 'latin1').toString('utf8');
}

function sixBits(high: number, low: number): string {
  return String.fromCharCode(((high & 0x3f) << 6) | (low & 0x3f));
}

/** One spelling for what looks or sorts alike, without what is not seen: full-width letters, the long s, soft hyphens, the Turkish i. */
function folded(text: string): string {
  const visible = text.replaceAll(/[\p{Cf}\uFFFD]/gu, '');
  // A capital i with its dot keeps the dot as a mark of its own.
  return visible.normalize('NFKC').toUpperCase().toLowerCase().replaceAll('\u0307', '');
}
