import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { headerProblem, readHeader, writeHeader, type HeaderProblem } from './frame.ts';

describe('a frame header', () => {
  it('is eight bytes, big-endian', () => {
    const bytes = Buffer.alloc(10, 0xee);
    writeHeader(bytes, 1, 0x81, 0x42, 0x1234, 0xfedc_ba98);
    expect(bytes.toString('hex')).toBe('ee81421234fedcba98ee');
    expect(readHeader(bytes, 1)).toEqual({
      type: 0x81,
      flags: 0x42,
      length: 0x1234,
      streamId: 0xfedc_ba98,
    });
  });
});

interface Row {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly hasStream: boolean;
  readonly min: number;
  readonly max: number;
}

// The table of PROTOCOL.md section 2, written out once more.
const table: Row[] = [
  { name: 'DATA', type: 0x00, flags: 0x01, hasStream: true, min: 1, max: 65512 },
  { name: 'OPEN', type: 0x01, flags: 0, hasStream: true, min: 0, max: 1024 },
  { name: 'RESET', type: 0x02, flags: 0, hasStream: true, min: 4, max: 4 },
  { name: 'CREDIT', type: 0x03, flags: 0, hasStream: true, min: 4, max: 4 },
  { name: 'ACK', type: 0x04, flags: 0, hasStream: false, min: 4, max: 4 },
  { name: 'PING', type: 0x05, flags: 0x01, hasStream: false, min: 8, max: 8 },
  { name: 'GOAWAY', type: 0x06, flags: 0, hasStream: false, min: 4, max: 260 },
  { name: 'NOTICE', type: 0x07, flags: 0, hasStream: false, min: 0, max: 4096 },
  { name: 'CHALLENGE', type: 0x10, flags: 0, hasStream: false, min: 0, max: 4096 },
  { name: 'HELLO', type: 0x11, flags: 0, hasStream: false, min: 0, max: 4096 },
  { name: 'WELCOME', type: 0x12, flags: 0, hasStream: false, min: 0, max: 4096 },
];

describe.each(table)('the header of $name', ({ type, flags, hasStream, min, max }) => {
  const sound = { type, flags: 0, length: min, streamId: hasStream ? 2 : 0 };

  it('may have any length of the table and none beside it (P4)', () => {
    const problems = new Map<HeaderProblem | undefined, number[]>();
    for (let length = 0; length <= 0xffff; length += 1) {
      const problem = headerProblem({ ...sound, length });
      problems.set(problem, [...(problems.get(problem) ?? []).slice(0, 1), length]);
    }
    expect(problems.get(undefined)).toEqual(min === max ? [min] : [min, max]);
    expect(problems.get('malformed')?.at(-1)).toBe(min > 0 ? min - 1 : undefined);
    expect(problems.get('too-large')?.[0]).toBe(max + 1);
    expect(headerProblem({ ...sound, length: max + 1 })).toBe('too-large');
    expect(headerProblem({ ...sound, length: max })).toBeUndefined();
  });

  it('may have the flags of the table and no other (P5)', () => {
    for (let bits = 0; bits <= 0xff; bits += 1) {
      const isNamed = (bits & ~flags) === 0;
      expect(headerProblem({ ...sound, flags: bits })).toBe(isNamed ? undefined : 'malformed');
    }
  });

  it('belongs to a stream or to the session, as the table says (P7)', () => {
    expect(headerProblem({ ...sound, streamId: hasStream ? 0 : 1 })).toBe('stream-id');
    expect(headerProblem({ ...sound, streamId: hasStream ? 0xffff_ffff : 0 })).toBeUndefined();
  });
});

it('a data frame brings bytes or the end (P8)', () => {
  const header = { type: 0, flags: 0, length: 0, streamId: 1 };
  expect(headerProblem(header)).toBe('malformed');
  expect(headerProblem({ ...header, flags: 1 })).toBeUndefined();
});

describe('a type that this version does not know (P6)', () => {
  const known = new Set(table.map((row) => row.type));
  const unknown = Array.from({ length: 256 }, (_, type) => type).filter((type) => !known.has(type));

  it('ends the session below 80', () => {
    const types = unknown.filter((type) => type < 0x80);
    expect(problems(types, 1)).toEqual(new Set(['unknown-type']));
  });

  it('is skipped from 80 up, whatever it says, to 16 KiB', () => {
    const types = unknown.filter((type) => type >= 0x80);
    expect(types).toHaveLength(128);
    expect(problems(types, 16_384)).toEqual(new Set([undefined]));
    expect(problems(types, 16_385)).toEqual(new Set(['too-large']));
  });
});

function problems(types: readonly number[], length: number) {
  return new Set(
    types.map((type) => headerProblem({ type, flags: 0xff, length, streamId: 0xabcd })),
  );
}
