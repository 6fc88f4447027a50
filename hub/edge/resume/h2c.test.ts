import { Buffer } from 'node:buffer';
import type { ServerHttp2Stream } from 'node:http2';
import { expect, test } from 'vitest';
import { Backoff } from '../../../shared/backoff.ts';
import { onlineHostname, TestEdge } from '../../../test/support/edge.ts';
import { H2cOrigin } from '../../../test/support/h2c-origin.ts';

const film = '0123456789'.repeat(1000);
const backoff = () => new Backoff({ firstMs: 0 });
const forwarding = { idleTimeoutMs: 10_000, resume: { timeoutMs: 10_000, backoff } };
const ask = `GET /film HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: close\r\n\r\n`;

/** Sends half of the film and breaks off; then what `answerRange` says. */
function breakingOrigin(
  breakOff: (stream: ServerHttp2Stream) => void,
  answerRange: (stream: ServerHttp2Stream, first: number) => void,
): H2cOrigin {
  return new H2cOrigin((stream, headers) => {
    const first = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? NaN);
    if (!Number.isNaN(first)) return answerRange(stream, first);
    stream.respond({ ':status': 200, etag: '"a"', 'content-length': film.length });
    stream.write(film.slice(0, 5000), () => breakOff(stream));
    return undefined;
  });
}

function sendRest(stream: ServerHttp2Stream, first: number, more = ''): void {
  stream.respond({
    ':status': 206,
    etag: '"a"',
    'content-length': film.length - first,
    'content-range': `bytes ${first}-${film.length - 1}/${film.length}`,
  });
  stream.end(film.slice(first) + more);
}

test.each<[string, (stream: ServerHttp2Stream) => void]>([
  ['its stream', (stream) => stream.destroy(new Error('of the origin'))],
  ['its connection', (stream) => stream.session?.destroy()],
])('a response goes on when an HTTP/2 origin breaks off %s', async (_, breakOff) => {
  const origin = breakingOrigin(breakOff, sendRest);
  await using edge = await TestEdge.start({ h2cOrigin: origin.accept, forwarding });
  const answer = await edge.raw(ask);
  expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(film);
  expect(origin.asked.at(-1)).toMatchObject({ 'if-range': '"a"' });
});

test('an HTTP/2 origin that sends more than the rest adds no byte to the answer', async () => {
  const origin = breakingOrigin(
    (stream) => stream.destroy(new Error('of the origin')),
    (stream, first) => sendRest(stream, first, 'X'.repeat(100)),
  );
  await using edge = await TestEdge.start({ h2cOrigin: origin.accept, forwarding });
  const answer = Buffer.from(await edge.raw(ask), 'latin1').toString();
  expect(answer).not.toContain('X');
  expect(film).toContain(answer.slice(answer.indexOf('\r\n\r\n') + 4));
});
