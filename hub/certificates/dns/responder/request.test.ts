import { Buffer } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { readRequest } from './request.ts';

/** `dig +norecurse _AcMe-ChAlLeNgE.hub.test TXT`, without EDNS. */
const plain = {
  id: 'beef',
  flags: '0000',
  counts: '0001 0000 0000 0000',
  name: '0f 5f41634d652d4368416c4c654e6745 03 687562 04 74657374 00',
  typeAndClass: '0010 0001',
  rest: '',
};
/** Root, OPT, 1232 octets, no error, version 0, DO. */
const opt = '00 0029 04d0 00 00 8000 0000';
const withOpt = { ...plain, counts: '0001 0000 0000 0001', rest: opt };

function octets(parts: Partial<typeof plain>): Buffer {
  const all = { ...plain, ...parts };
  const hex = [all.id, all.flags, all.counts, all.name, all.typeAndClass, all.rest].join('');
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

function label(length: number): string {
  return length.toString(16).padStart(2, '0') + '61'.repeat(length);
}

/** Three of the longest labels before the last one: 194 octets with the root, and the last. */
function nameEndingWith(length: number): string {
  return `${label(63).repeat(3)}${label(length)}00`;
}

/** RFC 7830: an OPT whose only option is that many zeros. */
function padding(length: number): string {
  return `00 0029 04d0 00 00 0000 ${sixteenBits(length + 4)} 000c ${sixteenBits(length)} ${'00'.repeat(length)}`;
}

function sixteenBits(value: number): string {
  return value.toString(16).padStart(4, '0');
}

function read(message: Buffer): ReturnType<typeof readRequest> {
  return readRequest(message, 1232);
}

const formatError = { id: 0xbeef, opcode: 0, isRecursionDesired: false, rcode: 1 };

describe('a question', () => {
  it('is read with its name in lower case and its octets as they came', () => {
    const request = read(octets({}));
    expect(request).toMatchObject({
      id: 0xbeef,
      isRecursionDesired: false,
      question: { name: '_acme-challenge.hub.test', type: 16, class: 1 },
      edns: undefined,
    });
    const wire = request !== undefined && 'question' in request ? request.question.wire : undefined;
    expect(wire?.toString('latin1')).toContain('_AcMe-ChAlLeNgE');
    expect(wire?.length).toBe(30);
  });

  it('may have EDNS, whose size is never taken for less than 512', () => {
    expect(read(octets(withOpt))).toMatchObject({
      edns: { payloadBytes: 1232, version: 0, isDnssecOk: true },
    });
    const tiny = octets({ ...withOpt, rest: '00 0029 0010 00 01 0000 0000' });
    expect(read(tiny)).toMatchObject({
      edns: { payloadBytes: 512, version: 1, isDnssecOk: false },
    });
  });

  it('may have options that nobody here knows, and ones that are malformed in themselves', () => {
    // A cookie of eight octets, a client subnet of one, and one of no RFC.
    const options = '000a0008 0102030405060708 00080001 ff fde90000';
    const rest = `00 0029 04d0 00 00 0000 0015 ${options}`;
    expect(read(octets({ ...withOpt, rest }))).toHaveProperty('edns');
  });

  it('may ask for the root', () => {
    expect(read(octets({ name: '00' }))).toMatchObject({ question: { name: '.' } });
  });

  it('keeps a dot within a label apart from one between two', () => {
    const within = read(octets({ name: '03 612e62 00' }));
    expect(within).toMatchObject({ question: { name: String.raw`a\046b` } });
    const between = read(octets({ name: '01 61 01 62 00' }));
    expect(between).toMatchObject({ question: { name: 'a.b' } });
  });

  it('folds the case of ASCII alone', () => {
    // In Latin-1 these are A-umlaut and its small form.
    expect(read(octets({ name: '02 c441 00' }))).toMatchObject({
      question: { name: String.raw`\196a` },
    });
  });

  it('wants recursion, has AA, AD, CD or Z set, and is a question all the same', () => {
    expect(read(octets({ flags: '0570' }))).toMatchObject({ isRecursionDesired: true });
  });
});

describe('no answer at all', () => {
  it.each([
    ['to what has no header', octets({}).subarray(0, 11)],
    ['to nothing', Buffer.alloc(0)],
    ['to an answer (QR)', octets({ flags: '8000' })],
    ['to an answer of another kind', octets({ flags: 'f800' })],
  ])('%s', (_, message) => {
    expect(read(message)).toBeUndefined();
  });
});

describe('the answer NOTIMP', () => {
  it.each([
    ['IQUERY', '0800', 1],
    ['STATUS', '1000', 2],
    ['NOTIFY', '2000', 4],
    ['UPDATE', '2800', 5],
    ['DSO', '3000', 6],
    ['15', '7900', 15],
  ])('goes to opcode %s', (_, flags, opcode) => {
    expect(read(octets({ flags }))).toMatchObject({ opcode, rcode: 4 });
  });
});

describe('the answer FORMERR', () => {
  it.each([
    ['no question', { counts: '0000 0000 0000 0000' }],
    ['two questions', { counts: '0002 0000 0000 0000' }],
    ['65,535 questions', { counts: 'ffff 0000 0000 0000' }],
    ['an answer', { counts: '0001 0001 0000 0000' }],
    ['an authority, as IXFR has', { counts: '0001 0000 0001 0000' }],
    ['two additional records', { counts: '0001 0000 0000 0002', rest: opt + opt }],
    ['65,535 additional records', { counts: '0001 0000 0000 ffff', rest: opt }],
    ['a promised record that is not there', { counts: '0001 0000 0000 0001' }],
    ['octets after its end', { rest: '00' }],
    ['octets after its OPT', { ...withOpt, rest: `${opt}00` }],
    ['a TSIG', { ...withOpt, rest: '00 00fa 00ff 00000000 0000' }],
    ['an OPT that is not the root', { ...withOpt, rest: '0161 00 0029 04d0 00 00 0000 0000' }],
    ['an OPT cut short', { ...withOpt, rest: opt.slice(0, -2) }],
    ['an OPT longer than the message', { ...withOpt, rest: '00 0029 04d0 00 00 0000 0001' }],
    [
      'an option longer than its OPT',
      { ...withOpt, rest: '00 0029 04d0 00 00 0000 0004 000a0001' },
    ],
    ['an option without its length', { ...withOpt, rest: '00 0029 04d0 00 00 0000 0002 000a' }],
    ['a name that points to itself', { name: 'c00c' }],
    ['a name that points into the header', { name: 'c000' }],
    ['a name that points onward', { name: '0161 c0ff' }],
    ['a label of an obsolete type', { name: '4161 00' }],
    ['a label of 64 octets', { name: `40 ${'61'.repeat(64)} 00` }],
    ['a name of 257 octets', { name: nameEndingWith(63) }],
    ['a name without an end', { name: '0f 61', typeAndClass: '' }],
    ['a name without type and class', { typeAndClass: '' }],
    ['a class of one octet', { typeAndClass: '0010 00' }],
  ])('goes to %s', (_, parts) => {
    expect(read(octets(parts))).toEqual(formatError);
  });

  it('goes to more than 512 octets over UDP, unless EDNS allows them', () => {
    expect(read(octets({ ...withOpt, rest: padding(600) }))).toHaveProperty('question');
    expect(read(octets({ ...withOpt, rest: padding(1200) }))).toEqual(formatError);
  });

  it('goes to a longest name and one octet more', () => {
    expect(read(octets({ name: nameEndingWith(61) }))).toHaveProperty('question');
    expect(read(octets({ name: nameEndingWith(62) }))).toEqual(formatError);
  });

  it('goes to every packet that is cut somewhere behind its header', () => {
    const whole = octets(withOpt);
    for (let length = 12; length < whole.length; length += 1)
      expect(read(whole.subarray(0, length)), `cut to ${length}`).toEqual(formatError);
  });
});

describe('a packet with one bit turned', () => {
  it('is read, refused or ignored, and never throws', () => {
    const whole = octets(withOpt);
    const outcomes = new Set<string>();
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const turned = Buffer.from(whole);
      turned.writeUInt8((turned[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      const request = read(turned);
      if (request === undefined) outcomes.add('ignored');
      else outcomes.add('question' in request ? 'read' : `rcode ${request.rcode}`);
    }
    expect([...outcomes].toSorted()).toEqual(['ignored', 'rcode 1', 'rcode 4', 'read']);
  });
});
