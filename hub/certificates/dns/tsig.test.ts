import { createHmac, randomBytes } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { Secret } from '../../../shared/settings/secret.ts';
import { hostileCases, seededRandom } from '../../../test/support/random.ts';
import { encodeName, encodeUpdate, recordOffsets } from './message.ts';
import type { TsigKey } from './provider-settings.ts';
import { checkAnswer, signMessage } from './tsig.ts';

const bytes = randomBytes(32);
const key: TsigKey = {
  name: 'Hub-ACME.',
  secret: new Secret(bytes.toString('base64')),
  algorithm: 'hmac-sha256',
};
const now = new Date('2026-08-01T12:00:00Z');
const record = { name: '_acme-challenge.example.org', value: 'proof' };
const update = encodeUpdate(0x1234, 'example.org', 'add', record, 60);
const request = signMessage(update, key, now);

const words = (...values: number[]): Buffer => {
  const buffer = Buffer.alloc(values.length * 2);
  values.forEach((value, place) => buffer.writeUInt16BE(value, place * 2));
  return buffer;
};

interface Saying {
  readonly requestMac?: Buffer;
  readonly at?: Date;
  readonly secret?: Buffer;
  /** After it was signed. */
  readonly rcode?: number;
}

/** What a server answers, signed as RFC 8945 §5.3 has it, written down a second time and in another way. */
function answer({
  requestMac = request.mac,
  at = now,
  secret = bytes,
  rcode = 0,
}: Saying = {}): Buffer {
  const message = words(0x1234, 0xa800, 0, 0, 0, 0);
  const seconds = Math.floor(at.getTime() / 1000);
  const time = words(
    Math.floor(seconds / 2 ** 32),
    Math.floor(seconds / 65_536) % 65_536,
    seconds % 65_536,
    300,
  );
  const [name, algorithm] = [encodeName('hub-acme'), encodeName('hmac-sha256')];
  const mac = createHmac('sha256', secret)
    .update(words(requestMac.length))
    .update(requestMac)
    .update(message)
    .update(Buffer.concat([name, words(255, 0, 0), algorithm, time, words(0, 0)]))
    .digest();
  const data = Buffer.concat([algorithm, time, words(mac.length), mac, words(0x1234, 0, 0)]);
  message.writeUInt16BE(0xa800 | rcode, 2);
  message.writeUInt16BE(1, 10);
  return Buffer.concat([message, name, words(250, 255, 0, 0, data.length), data]);
}

describe('an answer is genuine', () => {
  test('when it is signed with the key, for this question, now', () => {
    expect(checkAnswer(answer(), key, request, now)).toEqual({
      error: 0,
      isGenuine: true,
      serverTime: undefined,
    });
  });

  test.each<[string, Saying]>([
    ['signed with another secret', { secret: randomBytes(32) }],
    ['that answers another question', { requestMac: randomBytes(32) }],
    ['changed on the way', { rcode: 5 }],
    ['of an hour ago', { at: new Date(now.getTime() - 3_600_000) }],
    ['of the next hour', { at: new Date(now.getTime() + 3_600_000) }],
  ])('but not one %s', (_, saying) => {
    expect(checkAnswer(answer(saying), key, request, now)?.isGenuine).toBe(false);
  });

  test('but not one with a signature cut short', () => {
    const whole = answer();
    const [{ dataAt } = { dataAt: 0 }] = recordOffsets(whole);
    const macLengthAt = dataAt + encodeName('hmac-sha256').length + 8;
    const cut = Buffer.concat([
      whole.subarray(0, macLengthAt),
      words(0),
      whole.subarray(macLengthAt + 2 + 32),
    ]);
    cut.writeUInt16BE(whole.readUInt16BE(dataAt - 2) - 32, dataAt - 2);
    expect(checkAnswer(cut, key, request, now)?.isGenuine).toBe(false);
  });

  test('whatever is done to it, what it says is never changed, and nothing but a RangeError comes of it', () => {
    const random = seededRandom(8945);
    const whole = answer();
    const believed: Buffer[] = [];
    const thrown: unknown[] = [];
    for (let round = 0; round < hostileCases / 10; round += 1) {
      const mutated = random.below(4) === 0 ? random.bytes(random.below(200)) : Buffer.from(whole);
      for (let flips = random.below(4); flips >= 0 && mutated.length > 0; flips -= 1) {
        mutated[random.below(mutated.length)] = random.below(256);
      }
      try {
        if (checkAnswer(mutated, key, request, now)?.isGenuine === true) believed.push(mutated);
      } catch (error) {
        thrown.push(error);
      }
    }
    expect(thrown.filter((error) => !(error instanceof RangeError))).toEqual([]);
    // Flags, result and counts; the id is that of the record, and compared by the caller.
    const saying = whole.subarray(2, 12);
    expect(believed.filter((bytes) => !bytes.subarray(2, 12).equals(saying))).toEqual([]);
  });
});

describe('a name', () => {
  test.each(['', '.', 'a..b', `${'x'.repeat(64)}.org`, `${'abcdefg.'.repeat(32)}org`])(
    '"%s" is refused',
    (name) => {
      expect(() => encodeName(name)).toThrow(RangeError);
    },
  );

  test('is written in lower case, with or without the dot of the root', () => {
    expect(encodeName('Example.ORG.')).toEqual(Buffer.from('\x07example\x03org\x00'));
    expect(encodeName('example.org')).toEqual(encodeName('Example.ORG.'));
  });
});

test('a value longer than one string is written as several', () => {
  const long = encodeUpdate(1, 'example.org', 'add', { ...record, value: 'x'.repeat(300) }, 60);
  expect(long.subarray(-302)).toEqual(
    Buffer.concat([Buffer.of(255), Buffer.alloc(255, 'x'), Buffer.of(45), Buffer.alloc(45, 'x')]),
  );
});
