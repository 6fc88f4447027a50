import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { FieldSection, MessageError } from './field-section.ts';
import type { SectionLimits } from './field-section.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const limits: SectionLimits = { bytes: 65_536, fields: 100 };

function read(chunks: readonly string[], given = limits): readonly string[] | undefined {
  const section = new FieldSection(given, { hasStartLine: false });
  const isComplete = chunks.map((chunk) => section.push(bytes(chunk))).at(-1);
  return isComplete === true ? section.fields() : undefined;
}

function refusalOf(
  chunks: readonly string[],
  given = limits,
): Pick<MessageError, 'code' | 'message'> {
  try {
    read(chunks, given);
  } catch (error) {
    if (error instanceof MessageError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a section of many kilobytes', () => {
  const value = Array.from({ length: 1000 }, (_, i) => String(i)).join(' ');
  const wire = `X-Long: ${value}\r\nX-Short: 1\r\n\r\n`;
  const fields = ['x-long', value, 'x-short', '1'];

  test.each([
    ['pieces of seven bytes', wire.match(/[^]{1,7}/g) ?? []],
    ['a few bytes and then all others', [wire.slice(0, 20), wire.slice(20)]],
    ['all bytes and then the last', [wire.slice(0, -1), wire.slice(-1)]],
    ['three parts', [wire.slice(0, 1500), wire.slice(1500, 2500), wire.slice(2500)]],
  ])('is read whole from %s', (_, chunks) => {
    expect(read(chunks)).toEqual(fields);
  });
});

describe('blanks around a value', () => {
  test.each([
    ['A: b\t\r\n\r\n', 'b'],
    ['A: \t b c \t \r\n\r\n', 'b c'],
    ['A:\r\n\r\n', ''],
    ['A: \t \r\n\r\n', ''],
  ])('are no part of it: %j', (wire, value) => {
    expect(read([wire])).toEqual(['a', value]);
  });

  test('a tab behind a Transfer-Encoding is refused, behind another field it is a blank', () => {
    expect(read(['Content-Encoding: gzip\t\r\n\r\n'])).toEqual(['content-encoding', 'gzip']);
    expect(refusalOf(['Transfer-Encoding: chunked\t\r\n\r\n']).code).toBe('http.malformed');
  });
});

test.each([
  ['A: b\nC: d\r\n\r\n', 'a control character, or a line that ends without CR LF'],
  ['A: b\rC: d\r\n\r\n', 'CR without LF'],
  ['A b\r\n\r\n', 'a line that is not a field'],
  ['Transfer-Encoding: chunked\t\r\n\r\n', 'a tab behind a Transfer-Encoding'],
])('whoever reads the log is told what was wrong with %j', (wire, what) => {
  expect(refusalOf([wire])).toEqual({ code: 'http.malformed', message: `the message has ${what}` });
});

test('whoever reads the log is told which limit was passed', () => {
  const small = { bytes: 40, fields: 2 };
  const what = 'the head or trailer section is';
  expect(refusalOf([`A: ${'b'.repeat(40)}`], small)).toEqual({
    code: 'http.too-large',
    message: `${what} over 40 bytes`,
  });
  expect(refusalOf(['A: b\r\nA: b\r\nA: b\r\n\r\n'], small)).toEqual({
    code: 'http.too-large',
    message: `${what} over 2 fields`,
  });
});
