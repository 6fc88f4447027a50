import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  commonVersion,
  decodeChallenge,
  decodeHello,
  decodeWelcome,
  encodeChallenge,
  encodeHello,
  encodeWelcome,
} from './hello.ts';

// Each message as its fields in hex: tag, length, value. The golden bytes are their concatenation.
const messages = {
  challenge: {
    decode: decodeChallenge,
    encode: () => encodeChallenge(records.challenge),
    fields: ['0100020001', '0200020001', `030020${'ab'.repeat(32)}`],
    optional: [],
  },
  hello: {
    decode: decodeHello,
    encode: () => encodeHello(records.hello),
    fields: [
      '0400020001',
      `050003${hex('a_Z')}`,
      `060040${'cd'.repeat(64)}`,
      '0700080000019a00000001',
      '08000400040000',
      `090011${hex('phlix-agent/0.1.0')}`,
    ],
    optional: ['0d000101', `0e0003${hex('h2c')}`],
  },
  welcome: {
    decode: decodeWelcome,
    encode: () => encodeWelcome(records.welcome),
    fields: [
      '08000400040000',
      '0a000400003a98',
      '0b000400002710',
      `0c001b${hex('https://m.tv https://n.tv:8')}`,
    ],
    optional: ['0f000102', '11000108'],
  },
};

const records = {
  challenge: { minVersion: 1, maxVersion: 1, nonce: Buffer.alloc(32, 0xab) },
  hello: {
    version: 1,
    agentId: 'a_Z',
    signature: Buffer.alloc(64, 0xcd),
    epoch: 0x19a_0000_0001n,
    initialWindowBytes: 262_144,
    software: 'phlix-agent/0.1.0',
    slot: 1,
    originProtocol: 'h2c' as const,
  },
  welcome: {
    initialWindowBytes: 262_144,
    pingIntervalMs: 15_000,
    pingDeadlineMs: 10_000,
    addresses: ['https://m.tv', 'https://n.tv:8'],
    maxLinks: 2,
    highestResetCode: 8,
  },
};

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

function bytesOf(fields: readonly string[]): Buffer {
  return Buffer.from(fields.join(''), 'hex');
}

describe.each(['challenge', 'hello', 'welcome'] as const)('%s', (name) => {
  const { decode, encode, fields: required, optional } = messages[name];
  const fields = [...required, ...optional];

  it('is these bytes, and these bytes are it', () => {
    expect(encode().toString('hex')).toBe(fields.join(''));
    expect(decode(bytesOf(fields))).toEqual(records[name]);
  });

  it('may come with its fields in any order and with unknown ones between (P10, section 3)', () => {
    const mixed = ['630000', ...fields.toReversed(), 'ff0003010203'];
    expect(decode(bytesOf(mixed))).toEqual(records[name]);
  });

  it('is malformed without any one of the fields it must have', () => {
    for (const [index] of required.entries()) {
      expect(decode(bytesOf(fields.toSpliced(index, 1)))).toBeUndefined();
    }
    expect(decode(Buffer.alloc(0))).toBeUndefined();
  });

  it('is malformed when a tag comes twice, even an unknown one', () => {
    for (const field of fields) expect(decode(bytesOf([...fields, field]))).toBeUndefined();
    expect(decode(bytesOf([...fields, '630000', '630000']))).toBeUndefined();
  });

  it('is malformed when it is cut anywhere', () => {
    const bytes = bytesOf(required);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(decode(bytes.subarray(0, end))).toBeUndefined();
    }
  });

  it('is malformed when an optional field is cut', () => {
    const bytes = bytesOf(fields);
    for (const cut of optional.keys()) {
      const end = bytesOf([...required, ...optional.slice(0, cut + 1)]).length - 1;
      expect(decode(bytes.subarray(0, end))).toBeUndefined();
    }
  });

  it('throws nothing, whatever the bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(bytesOf(fields).length - 1), fc.nat(255)).map(([at, value]) => {
        const changed = bytesOf(fields);
        changed[at] = value;
        return changed;
      }),
    );
    fc.assert(
      fc.property(bytes, (candidate) => {
        expect(() => decode(Buffer.from(candidate))).not.toThrow();
      }),
    );
  });
});

const wrong: [message: keyof typeof messages, what: string, index: number, field: string][] = [
  ['challenge', 'a lowest version of one byte', 0, '01000101'],
  ['challenge', 'a lowest version of three bytes', 0, '010003000001'],
  ['challenge', 'a highest version of four bytes', 1, '02000400000001'],
  ['challenge', 'a range that is upside down', 0, '0100020002'],
  ['challenge', 'a nonce of 31 bytes', 2, `03001f${'ab'.repeat(31)}`],
  ['challenge', 'a nonce of 33 bytes', 2, `030021${'ab'.repeat(33)}`],
  ['hello', 'a version of one byte', 0, '04000101'],
  ['hello', 'an empty agent id', 1, '050000'],
  ['hello', 'an agent id of 65 characters', 1, `050041${'61'.repeat(65)}`],
  ['hello', 'an agent id with a dot', 1, `050003${hex('a.b')}`],
  ['hello', 'an agent id with a line break behind it', 1, `050004${hex('abc\n')}`],
  ['hello', 'a signature of 63 bytes', 2, `06003f${'cd'.repeat(63)}`],
  ['hello', 'a signature of 65 bytes', 2, `060041${'cd'.repeat(65)}`],
  ['hello', 'an epoch of 7 bytes', 3, '07000700000000000001'],
  ['hello', 'an epoch of 9 bytes', 3, '070009000000000000000001'],
  ['hello', 'a window of no bytes', 4, '08000400000000'],
  ['hello', 'a window beyond 2^31 - 1', 4, '08000480000000'],
  ['hello', 'a window of two bytes', 4, '0800020001'],
  ['hello', 'no name of its software', 5, '090000'],
  ['hello', 'a name of 65 characters', 5, `090041${'61'.repeat(65)}`],
  ['hello', 'a name with a control character', 5, `090003${hex('a\u001bb')}`],
  ['hello', 'a name with a character outside ASCII', 5, `090003${hex('aéb')}`],
  ['welcome', 'a window of no bytes', 0, '08000400000000'],
  ['welcome', 'a ping interval of 0', 1, '0a000400000000'],
  ['welcome', 'a ping interval that no timer holds', 1, '0a0004ffffffff'],
  ['welcome', 'a ping interval of five bytes', 1, '0a00050000003a98'],
  ['welcome', 'a ping deadline of 0', 2, '0b000400000000'],
  ['welcome', 'a ping deadline that no timer holds', 2, '0b000480000000'],
  ['welcome', 'addresses with a line break', 3, `0c0003${hex('a\nb')}`],
  ['welcome', 'addresses of 2049 characters', 3, `0c0801${'61'.repeat(2049)}`],
];

it.each(wrong)('%s with %s is malformed', (name, _what, index, field) => {
  const { decode, fields } = messages[name];
  expect(decode(bytesOf(fields.with(index, field)))).toBeUndefined();
});

const withoutOptional: [message: keyof typeof messages, record: Record<string, unknown>][] = [
  ['hello', { slot: 0, originProtocol: 'http/1.1' }],
  ['welcome', { maxLinks: 1, highestResetCode: 7 }],
];

it.each(withoutOptional)('%s of an older peer reads as it was then', (name, record) => {
  const { decode, fields } = messages[name];
  expect(decode(bytesOf(fields))).toMatchObject(record);
});

it('carries the wish for the address of clients as a field without a value', () => {
  const hello = { ...records.hello, wantsClientAddress: true };
  const bytes = encodeHello(hello);
  expect(bytes.toString('hex')).toMatch(/100000$/);
  expect(decodeHello(bytes)).toEqual(hello);
});

const wrongOptional: [message: keyof typeof messages, what: string, field: string][] = [
  ['hello', 'a ninth link', '0d000108'],
  ['hello', 'a wish for the address with a value', '10000101'],
  ['hello', 'a slot of two bytes', '0d00020000'],
  ['hello', 'an unknown protocol of the origin', `0e0002${hex('h3')}`],
  ['welcome', 'no link at all', '0f000100'],
  ['welcome', 'nine links', '0f000109'],
  ['welcome', 'a highest reset code of two bytes', '1100020008'],
];

it.each(wrongOptional)('%s with %s is malformed', (name, _what, field) => {
  const { decode, fields } = messages[name];
  expect(decode(bytesOf([...fields, field]))).toBeUndefined();
});

const extreme: [
  message: keyof typeof messages,
  index: number,
  field: string,
  record: Record<string, unknown>,
][] = [
  ['challenge', 1, '020002ffff', { maxVersion: 65_535 }],
  ['hello', 1, `050040${'7a'.repeat(64)}`, { agentId: 'z'.repeat(64) }],
  ['hello', 3, '070008ffffffffffffffff', { epoch: 0xffff_ffff_ffff_ffffn }],
  ['hello', 4, '0800047fffffff', { initialWindowBytes: 0x7fff_ffff }],
  ['hello', 4, '08000400000001', { initialWindowBytes: 1 }],
  ['hello', 5, `090040${'7e'.repeat(64)}`, { software: '~'.repeat(64) }],
  ['hello', 5, `090003${hex('a b')}`, { software: 'a b' }],
  ['welcome', 1, '0a00047fffffff', { pingIntervalMs: 0x7fff_ffff }],
  ['welcome', 2, '0b000400000001', { pingDeadlineMs: 1 }],
  ['welcome', 3, '0c0000', { addresses: [] }],
  ['welcome', 3, `0c0004${hex(' a  ')}`, { addresses: ['a'] }],
  ['welcome', 3, `0c0800${'61'.repeat(2048)}`, { addresses: ['a'.repeat(2048)] }],
];

it.each(extreme)('%s holds the extremes of field %i: %s', (name, index, field, record) => {
  const { decode, fields } = messages[name];
  expect(decode(bytesOf(fields.with(index, field)))).toMatchObject(record);
});

it.each([
  [1, 1, 1],
  [1, 9, 1],
  [0, 1, 1],
  [2, 9, undefined],
  [0, 0, undefined],
])('an offer of versions %i to %i ends in %s (P13)', (minVersion, maxVersion, version) => {
  expect(commonVersion({ minVersion, maxVersion })).toBe(version);
});
