import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bytes,
  quiet,
  type RecordingVisitor,
  type ScriptedOrigin,
} from '../../../test/support/exchanges.ts';
import { RestartingTunnel } from '../../../test/support/restarting-tunnel.ts';

// A film of every byte once: one that is lost, doubled or of another file is seen.
const film = Buffer.from(Uint8Array.from({ length: 256 }, (_, at) => at)).toString('latin1');
const otherFilm = film.split('').toReversed().join('');

/** How one answer of the origin goes wrong behind so many bytes of its head and body, if it does. */
interface Answer {
  readonly bytes: number;
  readonly chunk: number;
  readonly end: 'link' | 'reset' | 'fin';
  readonly fault: Fault;
}

type Fault =
  | 'none'
  | 'whole file'
  | 'other file, its tag'
  | 'other file, no tag'
  | 'other place'
  | 'other length'
  | 'other whole'
  | 'packed'
  | 'busy';

const faults: readonly Fault[] = [
  'whole file',
  'other file, its tag',
  'other file, no tag',
  'other place',
  'other length',
  'other whole',
  'packed',
  'busy',
];

const answers = fc.array(
  fc.record({
    // A head has some 120.
    bytes: fc.oneof(fc.nat(400), fc.integer({ min: 120, max: 400 })),
    chunk: fc.integer({ min: 1, max: 90 }),
    end: fc.constantFrom('link' as const, 'reset' as const, 'fin' as const),
    // Most go well, or no film would come to its end.
    fault: fc.oneof(
      { weight: 6, arbitrary: fc.constant('none' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...faults) },
    ),
  }),
  { maxLength: 8 },
);

const ranges = fc.option(
  fc.tuple(fc.nat(255), fc.nat(255)).map(([one, two]) => [Math.min(one, two), Math.max(one, two)]),
);

function answerTo(asked: string, fault: Fault): string {
  const wanted = /\r\nrange: bytes=(\d+)-(\d*)\r\n/.exec(asked);
  if (fault === 'busy') return 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy';
  if (wanted === null || fault === 'whole file') {
    return `HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 256\r\n\r\n${film}`;
  }
  const shift = fault === 'other place' && wanted[1] !== '0' ? 1 : 0;
  const first = Number(wanted[1]) - shift;
  const last = Number(wanted[2] || 255) - (fault === 'other length' ? 1 : 0) - shift;
  const isOther = fault.startsWith('other file');
  const tag = fault === 'other file, its tag' ? 'ETag: "b"\r\n' : isOther ? '' : 'ETag: "a"\r\n';
  const packed = fault === 'packed' ? 'Content-Encoding: gzip\r\n' : '';
  return (
    `HTTP/1.1 206 Partial Content\r\n${tag}${packed}Content-Length: ${last - first + 1}\r\n` +
    `Content-Range: bytes ${first}-${last}/${fault === 'other whole' ? 257 : 256}\r\n\r\n` +
    (isOther ? otherFilm : film).slice(first, last + 1)
  );
}

/**
 * Plays the origin on every link until the visitor has an end; every answer behind the last of `script` is good. Returns the body
 * that was promised: that of the answer whose head the visitor got.
 */
async function play(
  tunnel: RestartingTunnel,
  visitor: RecordingVisitor,
  script: Answer[],
): Promise<string | undefined> {
  let link = tunnel.connect();
  let promised: string | undefined;
  for (;;) {
    const origin = await Promise.race([link.accept(), visitor.done()]);
    if (origin === undefined) return promised;
    const { bytes: length, chunk, end, fault } = script.shift() ?? good;
    const wire = answerTo(origin.received, fault);
    const hadHead = visitor.isHeadSent;
    await send(origin, wire.slice(0, length), chunk);
    if (!hadHead && visitor.isHeadSent && length > wire.indexOf(headEnd)) {
      promised = wire.slice(wire.indexOf(headEnd) + headEnd.length);
    }
    if (length === Infinity) continue;
    if (end === 'fin') origin.stream.end();
    else if (end === 'reset') origin.stream.reset('origin-closed');
    else {
      tunnel.cut(link);
      link = tunnel.connect();
    }
  }
}

async function send(origin: ScriptedOrigin, wire: string, chunk: number): Promise<void> {
  for (let at = 0; at < wire.length; at += chunk) {
    origin.stream.write(bytes(wire.slice(at, at + chunk)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await quiet(() => origin.stream.writableLength);
}

const headEnd = '\r\n\r\n';
const good: Answer = { bytes: Infinity, chunk: 1000, end: 'fin', fault: 'none' };

test('whatever breaks, wherever: a visitor has the bytes that were promised, or is told that they are not', async () => {
  const ends = { ended: 0, destroyed: 0 };
  const property = fc.asyncProperty(
    answers,
    ranges,
    fc.boolean(),
    async (script, range, isSlow) => {
      const tunnel = new RestartingTunnel();
      const fields = range === null ? [] : ['range', `bytes=${range.join('-')}`];
      const visitor = tunnel.forward({ fields });
      visitor.isSlow = isSlow;
      const drain = setInterval(() => visitor.onDrain(), 1);
      const promised = await play(tunnel, visitor, [...script]);
      clearInterval(drain);
      // The hub's own answer: nothing of the origin's had come.
      if (visitor.field('content-type') === 'application/problem+json') return;
      expect(promised?.startsWith(visitor.body)).toBe(true);
      const isWhole = visitor.body === promised;
      expect([visitor.outcome, isWhole]).toEqual(isWhole ? ['ended', true] : ['destroyed', false]);
      if (tunnel.events.length > 0) ends[visitor.outcome ?? 'destroyed'] += 1;
    },
  );
  await fc.assert(property, { numRuns: 1000 });
  // Both must be seen, and not seldom: a property that only ever meets one of them proves little.
  expect(Math.min(ends.ended, ends.destroyed)).toBeGreaterThan(50);
});
