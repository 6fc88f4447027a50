// The text of one variable arrives; its value leaves: the kinds of setting both programs are made of, as zod schemas.

import { resolve } from 'node:path';

import { z } from 'zod';

import { CodedError } from '../errors.ts';
import { parseListenAddress, type ListenAddress } from '../listen-address.ts';
import { isPlaceholder, Secret } from './secret.ts';

/** What a kind tells about itself when the text is not one: "expected <expected>; <remedy>". */
interface Expectation {
  readonly expected: string;
  readonly remedy: string;
}

/** A setting of a kind of its own: for text that is not one, `parse` gives undefined or throws a CodedError. */
export function setting<Value>(
  expectation: Expectation,
  parse: (text: string) => Value | undefined,
): z.ZodType<Value, string> {
  return z.string({ error: `required: ${expectation.expected}` }).transform((text, context) => {
    const value = parsedOrUndefined(text, parse);
    if (value !== undefined) return value;
    context.addIssue({
      code: 'custom',
      message: `expected ${expectation.expected}`,
      params: { remedy: expectation.remedy },
    });
    return z.NEVER;
  });
}

function parsedOrUndefined<Value>(
  text: string,
  parse: (text: string) => Value | undefined,
): Value | undefined {
  try {
    return parse(text);
  } catch (error) {
    // Its sentence may quote the text, and the text may be a secret in the wrong place: the expectation says enough.
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

export function choice<const Value extends string>(
  values: readonly Value[],
): z.ZodType<Value, string> {
  return setting(
    { expected: `one of ${values.join(', ')}`, remedy: `write ${values.join(' or ')}` },
    (text) => values.find((value) => value === text.toLowerCase()),
  );
}

/** `1`/`0`, and the words people write instead. */
export function flag(): z.ZodType<boolean, string> {
  return setting({ expected: 'on or off', remedy: 'write on or 1, off or 0' }, (text) =>
    flagWords.get(text.toLowerCase()),
  );
}

const flagWords = new Map<string, boolean>([
  ...['1', 'true', 'yes', 'on'].map((word): [string, boolean] => [word, true]),
  ...['0', 'false', 'no', 'off'].map((word): [string, boolean] => [word, false]),
]);

export function integer(min: number, max: number): z.ZodType<number, string> {
  return setting(
    { expected: `a whole number from ${min} to ${max}`, remedy: 'write it in digits' },
    (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  );
}

/** A share of a whole. */
export function fraction(): z.ZodType<number, string> {
  return setting(
    { expected: 'a share from 0 to 1', remedy: 'write 0.05 for one in twenty' },
    (text) => {
      const value = /^(\d{1,3}(\.\d{0,9})?|\.\d{1,9})$/.test(text) ? Number(text) : Number.NaN;
      return value >= 0 && value <= 1 ? value : undefined;
    },
  );
}

/** Milliseconds from `500ms`, `30s`, `10m`, `1h`, `7d`. A bare number is refused: nobody agrees on its unit. */
export function duration(minMs: number, maxMs: number): z.ZodType<number, string> {
  return setting(
    {
      expected: `a duration from ${durationText(minMs)} to ${durationText(maxMs)}`,
      remedy: 'write a number and its unit: 500ms, 30s, 10m, 1h',
    },
    (text) => {
      // Nothing is nothing in every unit: how people write "off".
      const value = text.trim() === '0' ? 0 : parseDuration(text);
      return value !== undefined && value >= minMs && value <= maxMs ? value : undefined;
    },
  );
}

const durationUnits = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Milliseconds of `30s`; undefined for anything else. The command line's durations read the same way. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim());
  const unit = durationUnits.get(match?.[2] ?? '');
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** The shortest way to write it: 5400000 is `90m`. */
export function durationText(ms: number): string {
  const [unit, size] = [...durationUnits].findLast(([, size]) => ms % size === 0 && ms >= size) ?? [
    'ms',
    1,
  ];
  return `${ms / size}${unit}`;
}

/** Bytes from `64KiB`, `1MiB` or a plain number of bytes. */
export function size(minBytes: number, maxBytes: number): z.ZodType<number, string> {
  return setting(
    {
      expected: `a size from ${sizeText(minBytes)} to ${sizeText(maxBytes)}`,
      remedy: 'write a number and its unit: 16KiB, 1MiB',
    },
    (text) => {
      const match = /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(text);
      const bytes = Number(match?.[1]) * 1024 ** sizeUnits.indexOf(match?.[2] ?? 'B');
      return bytes >= minBytes && bytes <= maxBytes ? bytes : undefined;
    },
  );
}

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB'];

/** The largest unit that leaves a whole number. */
function sizeText(bytes: number): string {
  const power = sizeUnits.findLastIndex((_, i) => bytes % 1024 ** i === 0 && bytes >= 1024 ** i);
  return `${bytes / 1024 ** Math.max(power, 0)}${sizeUnits[Math.max(power, 0)]}`;
}

/** An absolute path; a relative one is taken from where the program was started. */
export function path(): z.ZodType<string, string> {
  return setting({ expected: 'a path', remedy: 'write an absolute path' }, (text) =>
    text.includes('\0') ? undefined : resolve(text),
  );
}

/** Printable text of at most `maxLength` characters. */
export function text(maxLength: number): z.ZodType<string, string> {
  return setting(
    { expected: `at most ${maxLength} printable characters`, remedy: 'shorten it' },
    (given) => {
      const trimmed = given.trim();
      const isPrintable = !/\p{Cc}/u.test(trimmed);
      return trimmed !== '' && trimmed.length <= maxLength && isPrintable ? trimmed : undefined;
    },
  );
}

/** Comma separated, spaces around the commas allowed, each read by `parse`; all of them or none. */
export function list<Value>(
  expectation: Expectation,
  parse: (item: string) => Value | undefined,
): z.ZodType<Value[], string> {
  return setting(expectation, (text) => {
    const values: Value[] = [];
    for (const item of text.split(',').map((part) => part.trim())) {
      const value = item === '' ? undefined : parse(item);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  });
}

/** A secret. Refuses placeholders, which every reader of our documentation knows. */
export function secret(): z.ZodType<Secret, string> {
  return setting(
    {
      expected: 'a secret of your own, not a placeholder that everybody knows',
      remedy: 'make one, for example with: openssl rand -base64 32',
    },
    (text) => (isPlaceholder(text) ? undefined : new Secret(text)),
  );
}

/** `:443`, `127.0.0.1:443` or `[::1]:443`. */
export function listenAddress(): z.ZodType<ListenAddress, string> {
  return setting(
    {
      expected: 'an address to listen on',
      remedy: 'write :8443 for every interface, or 127.0.0.1:8443, or [::1]:8443',
    },
    parseListenAddress,
  );
}
