import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrames, type NaiveFrame } from '../../test/support/naive-codec.ts';
import { hostileCases, seededRandom } from '../../test/support/random.ts';
import { ScriptedPeer } from '../../test/support/scripted-peer.ts';
import { everyByte } from '../../test/support/transports.ts';
import { ProtocolError } from '../errors.ts';
import type { FrameHeader } from '../wire/frame.ts';
import { Decoder } from './decoder.ts';
import { FramePipe } from './frame-pipe.ts';
import type { Turn } from './transport.ts';

/** What a decoder hands over, with the pieces of a data frame put together again. */
class Recorder {
  readonly frames: NaiveFrame[] = [];
  readonly pieces: Buffer[] = [];
  readonly decoder = new Decoder({
    onControl: (header: FrameHeader, payload: Buffer) => {
      const { type, flags, streamId } = header;
      this.frames.push({ type, flags, streamId, payload: Buffer.from(payload) });
    },
    onData: (streamId, piece, isFrameEnd, isStreamEnd) => {
      this.pieces.push(piece);
      this.#payload = Buffer.concat([this.#payload, piece]);
      if (isStreamEnd && !isFrameEnd) throw new Error('a stream ended within a frame');
      if (!isFrameEnd) return;
      this.frames.push({ type: 0, flags: isStreamEnd ? 1 : 0, streamId, payload: this.#payload });
      this.#payload = Buffer.alloc(0);
    },
  });
  #payload: Buffer = Buffer.alloc(0);
}

function decode(...chunks: readonly Buffer[]): NaiveFrame[] {
  const recorder = new Recorder();
  for (const chunk of chunks) recorder.decoder.push(chunk);
  return recorder.frames;
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

const golden: [name: string, hex: string, frame: NaiveFrame][] = [
  ['DATA', '00 00 0002 00000002 6869', frame(0, 0, 2, '6869')],
  ['DATA with END', '00 01 0002 00000002 6869', frame(0, 1, 2, '6869')],
  ['END alone', '00 01 0000 00000003', frame(0, 1, 3, '')],
  ['OPEN', '01 00 0000 00000002', frame(1, 0, 2, '')],
  ['OPEN with reserved bytes', '01 00 0003 fffffffe aabbcc', frame(1, 0, 0xffff_fffe, 'aabbcc')],
  ['RESET', '02 00 0004 00000002 00000003', frame(2, 0, 2, '00000003')],
  ['CREDIT', '03 00 0004 00000007 00020000', frame(3, 0, 7, '00020000')],
  ['ACK', '04 00 0004 00000000 00004000', frame(4, 0, 0, '00004000')],
  ['PING', '05 00 0008 00000000 0102030405060708', frame(5, 0, 0, '0102030405060708')],
  ['PING REPLY', '05 01 0008 00000000 0102030405060708', frame(5, 1, 0, '0102030405060708')],
  ['GOAWAY', '06 00 0006 00000000 00000002 6279', frame(6, 0, 0, '000000026279')],
  ['NOTICE', '07 00 0002 00000000 7b7d', frame(7, 0, 0, '7b7d')],
  ['empty NOTICE', '07 00 0000 00000000', frame(7, 0, 0, '')],
  ['CHALLENGE', '10 00 0005 00000000 0100020001', frame(0x10, 0, 0, '0100020001')],
  ['HELLO', '11 00 0005 00000000 0400020001', frame(0x11, 0, 0, '0400020001')],
  ['WELCOME', '12 00 0003 00000000 0c0000', frame(0x12, 0, 0, '0c0000')],
];

function frame(type: number, flags: number, streamId: number, payload: string): NaiveFrame {
  return { type, flags, streamId, payload: Buffer.from(payload, 'hex') };
}

describe.each(golden)('the golden frame of %s', (_name, hex, expected) => {
  const whole = bytes(hex);

  it('is decoded whole, split once at every byte, and byte by byte', () => {
    expect(decode(whole)).toEqual([expected]);
    for (let at = 1; at < whole.length; at += 1) {
      expect(decode(whole.subarray(0, at), whole.subarray(at))).toEqual([expected]);
    }
    expect(decode(...everyByte(whole))).toEqual([expected]);
  });

  it('is decoded again behind itself', () => {
    expect(decode(Buffer.concat([whole, whole]))).toEqual([expected, expected]);
    const [first, second] = [whole.subarray(0, 7), Buffer.concat([whole.subarray(7), whole])];
    expect(decode(first, second)).toEqual([expected, expected]);
  });

  it('is what a frame pipe sends', () => {
    const peer = new ScriptedPeer();
    const pipe = new FramePipe(peer.transport);
    pipe.queue(expected.type, expected.flags, expected.streamId, expected.payload);
    pipe.flush();
    expect(Buffer.concat(peer.chunks).toString('hex')).toBe(whole.toString('hex'));
  });

  it('is not decoded before its last byte', () => {
    if (expected.type === 0 && expected.payload.length > 0) return;
    expect(decode(whole.subarray(0, -1))).toEqual([]);
  });
});

it('a number is sent as the same golden frame', () => {
  const peer = new ScriptedPeer();
  const pipe = new FramePipe(peer.transport);
  pipe.queueNumber(3, 7, 0x2_0000);
  pipe.queueNumber(4, 0, 0x4000);
  pipe.flush();
  expect(peer.chunks).toEqual([bytes('03 00 0004 00000007 00020000 04 00 0004 00000000 00004000')]);
});

const hostile: [what: string, code: string, hex: string][] = [
  ['P4: RESET of 5 bytes', 'protocol.too-large', '02 00 0005 00000002'],
  ['P4: RESET of 3 bytes', 'protocol.malformed', '02 00 0003 00000002'],
  ['P4: DATA of 65513 bytes', 'protocol.too-large', '00 00 ffe9 00000002'],
  ['P4: an optional frame of 16385 bytes', 'protocol.too-large', '80 00 4001 00000000'],
  ['P5: CREDIT with a flag', 'protocol.malformed', '03 01 0004 00000002'],
  ['P5: DATA with another flag', 'protocol.malformed', '00 02 0001 00000002'],
  ['P6: type 08', 'protocol.unknown-type', '08 00 0000 00000000'],
  ['P6: type 7f', 'protocol.unknown-type', '7f 00 0000 00000000'],
  ['P7: DATA of the session', 'protocol.stream-id', '00 00 0001 00000000'],
  ['P7: PING of a stream', 'protocol.stream-id', '05 00 0008 00000001'],
  ['P8: DATA without anything', 'protocol.malformed', '00 00 0000 00000002'],
];

describe.each(hostile)('%s', (_what, code, hex) => {
  it(`is refused with ${code} at its header's last byte`, () => {
    const header = bytes(hex);
    expect(() => decode(header)).toThrow(expect.objectContaining({ code }));
    expect(() => decode(...everyByte(header))).toThrow(expect.objectContaining({ code }));
    expect(decode(header.subarray(0, 7))).toEqual([]);
  });
});

it('names the header in the error, for the log', () => {
  expect(() => decode(bytes('08 01 0002 00000003'))).toThrow(
    'frame type 8, flags 1, length 2, stream 3: unknown-type',
  );
});

it('P6: optional frames are skipped with their payload, empty or cut', () => {
  const ping = '05 00 0008 00000000 0102030405060708';
  const stream = bytes(
    `80 ff 0003 12345678 000000 ff 00 0000 00000000 80 00 0000 00000000 ${ping} 91 00 0001 00000001 02`,
  );
  const expected = [frame(5, 0, 0, '0102030405060708')];
  expect(decode(stream)).toEqual(expected);
  expect(decode(...everyByte(stream))).toEqual(expected);
});

it('data is handed over in the pieces it came in, as views of the chunks', () => {
  const recorder = new Recorder();
  const chunks = [bytes('00 01 0005 00000002 6162'), bytes('6364'), bytes('65 01')];
  for (const chunk of chunks) recorder.decoder.push(chunk);
  expect(recorder.pieces.map(String)).toEqual(['ab', 'cd', 'e']);
  expect(recorder.pieces.every((piece, at) => piece.buffer === chunks[at]?.buffer)).toBe(true);
  expect(recorder.frames).toEqual([frame(0, 1, 2, Buffer.from('abcde').toString('hex'))]);
});

it('a sink that is exchanged in the middle of a chunk gets the rest of it', () => {
  const seen: string[] = [];
  const sink = (name: string) => ({
    onControl: () => {
      seen.push(name);
      decoder.sink = sink('second');
    },
    onData: () => {},
  });
  const decoder = new Decoder(sink('first'));
  decoder.push(bytes('07 00 0000 00000000 07 00 0000 00000000'));
  expect(seen).toEqual(['first', 'second']);
});

describe('against the naive codec', () => {
  const anyFrame: fc.Arbitrary<NaiveFrame> = fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.uint8Array({ maxLength: 300 }), fc.nat(1))
      .filter(([, payload, flags]) => payload.length > 0 || flags === 1)
      .map(([streamId, payload, flags]) => frameOf(0, flags, streamId, payload)),
    fc
      .tuple(fc.constantFrom(2, 3), fc.integer({ min: 1, max: 0xffff_ffff }), fourBytes())
      .map(([type, streamId, payload]) => frameOf(type, 0, streamId, payload)),
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((payload) => frameOf(4, 0, 0, payload)),
    fc
      .tuple(fc.nat(1), fc.uint8Array({ minLength: 8, maxLength: 8 }))
      .map(([flags, payload]) => frameOf(5, flags, 0, payload)),
    fc
      .tuple(fc.constantFrom(7, 0x10, 0x11, 0x12), fc.uint8Array({ maxLength: 4096 }))
      .map(([type, payload]) => frameOf(type, 0, 0, payload)),
    fc
      .tuple(
        fc.integer({ min: 0x80, max: 0xff }),
        fc.nat(255),
        fc.nat(0xffff_ffff),
        fc.uint8Array({ maxLength: 50 }),
      )
      .map(([type, flags, streamId, payload]) => frameOf(type, flags, streamId, payload)),
  );

  it('random frames, cut at random, come out as they went in', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.array(fc.nat(10_000), { maxLength: 12 }),
        (sent, cuts) => {
          const stream = encodeFrames(sent);
          const ends = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort(
            (a, b) => a - b,
          );
          const chunks = ends.map((end, at) => stream.subarray(ends[at - 1] ?? 0, end));
          expect(decode(...chunks)).toEqual(sent.filter(({ type }) => type < 0x80));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('under hostile bytes', () => {
  it('throws nothing but ProtocolError', { timeout: 60_000 }, () => {
    const random = seededRandom(1);
    let refused = 0;
    for (let round = 0; round < hostileCases; round += 1) {
      const stream = round % 2 === 0 ? random.bytes(1 + random.below(40)) : mutatedStream(random);
      const cut = random.below(stream.length + 1);
      try {
        decode(stream.subarray(0, cut), stream.subarray(cut));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        refused += 1;
      }
    }
    // Neither all nor none: the cases reach both sides of every rule.
    expect(refused).toBeGreaterThan(hostileCases / 10);
    expect(refused).toBeLessThan(hostileCases);
  });
});

function fourBytes(): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: 4, maxLength: 4 });
}

function frameOf(type: number, flags: number, streamId: number, payload: Uint8Array): NaiveFrame {
  return { type, flags, streamId, payload: Buffer.from(payload) };
}

function mutatedStream(random: ReturnType<typeof seededRandom>): Buffer {
  const count = 1 + random.below(3);
  const parts = Array.from({ length: count }, () => bytes(random.pick(golden)[1]));
  const stream = Buffer.concat(parts);
  stream[random.below(stream.length)] = random.below(256);
  return stream;
}

describe('a turn of the event loop', () => {
  const three = encodeFrames([
    frame(0, 0, 2, '6869'),
    frame(4, 0, 0, '00004000'),
    frame(0, 0, 2, '6f6b'),
  ]);

  it.each([
    [3, 3, 0, undefined],
    [2, 2, 0, three.subarray(22)],
    [1, 1, 0, three.subarray(10)],
    [0, 0, 0, three],
    [5, 3, 2, undefined],
  ])(
    'of %i frames takes %i of three and leaves what is behind them',
    (allowed, taken, left, rest) => {
      const recorder = new Recorder();
      const turn: Turn = { framesLeft: allowed, rest: undefined };
      recorder.decoder.push(three, turn);
      expect([recorder.frames.length, turn]).toEqual([taken, { framesLeft: left, rest }]);
      if (rest !== undefined) recorder.decoder.push(rest);
      expect(recorder.frames).toEqual(decode(three));
    },
  );
});
