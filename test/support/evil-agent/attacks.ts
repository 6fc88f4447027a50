// A link of an agent that has gone bad arrives; by the name of the attack it does to the hub what no honest agent does.

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { encodeFrame, encodeFrames, frame, frames, type NaiveFrame } from '../naive-codec.ts';
import type { EvilLink } from './evil-link.ts';

/** Runs until it is done or the link has ended. */
type Attack = (link: EvilLink) => Promise<void> | void;

const mebibyte = 1024 * 1024;
/** How long a flood lasts unless the hub ends it. */
const floodMs = 1500;

export const attacks: Readonly<Record<string, Attack>> = {
  /** Says that other addresses are its own, to whoever may believe it. */
  'claims-addresses': (link) =>
    link.sendFrames(
      frames.notice('{"addresses":["https://alice.phlix.localhost"]}'),
      frames.notice('{"moved":true}'),
      frames.notice('{"__proto__":{"addresses":[]}}'),
      frames.notice('['.repeat(4096)),
    ),

  /** Answers a stream that was opened on somebody else's link. */
  'answers-others': (link) =>
    link.sendFrames(frames.dataEnd(2, 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')),

  'resets-others': (link) => link.sendFrames(...many(100, (i) => frames.reset(2 + 2 * i, 1))),

  'unknown-streams': async (link) => {
    for (let id = 2; id < 2 * 2 ** 20 && link.isOpen; id += 20_000) {
      await link.sendFrames(...many(10_000, (i) => frames.credit(id + 2 * i, 1)));
    }
  },

  'opens-streams': (link) => link.sendFrames(frames.open(1), frames.data(1, 'GET / HTTP/1.1\r\n')),

  'too-much-credit': (link) => {
    link.onRequest = (id) =>
      void link.sendFrames(frames.credit(id, 0x7fff_ffff), frames.credit(id, 0x7fff_ffff));
  },

  'acknowledges-too-much': (link) => link.sendFrames(frames.ack(0x7fff_ffff)),

  'hello-again': (link) => link.sendFrames(frame(0x11, 0, randomBytes(64))),

  'large-frame': (link) => link.send(Buffer.from('0000ffff00000002', 'hex')),

  noise: (link) => link.send(randomBytes(64 * 1024)),

  'overflows-its-window': (link) => {
    link.onRequest = async (id) => {
      await link.sendFrames(
        frames.data(id, 'HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n'),
      );
      const piece = encodeFrame(frames.data(id, Buffer.alloc(60_000)));
      for (let sent = 0; sent < 256 * mebibyte && link.isOpen; sent += 60_000) {
        await link.send(piece);
      }
    };
  },

  /** Within the window of a stream, as often as the hub allows. */
  'large-head': (link) => answer(link, `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(mebibyte)}\r\n\r\n`),

  'many-lines': (link) => answer(link, `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(40_000)}\r\n`),

  'splits-lines': (link) =>
    answer(link, 'HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: __Host-phlix_session=evil\r\n\r\n'),

  'endless-hints': (link) => answer(link, 'HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n'.repeat(8000)),

  'two-answers': (link) => {
    const one = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    answer(link, one + one.replace('ok', 'no').repeat(100));
  },

  'never-ends-a-head': (link) => {
    link.onRequest = async (id) => {
      await link.sendFrames(frames.data(id, 'HTTP/1.1 200 OK\r\n'));
      await forAWhile(link, () => link.sendFrames(frames.data(id, 'a')));
    };
  },

  /** A byte in each frame, as fast as the visitor reads. */
  'flood-of-bytes': (link) => {
    link.onRequest = async (id) => {
      await link.sendFrames(
        frames.data(id, 'HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n'),
      );
      await forAWhile(link, async () => {
        const sent = await link.sendPieces(id, 'a', 10_000);
        if (sent === 0) await new Promise(setImmediate);
      });
    };
  },

  'never-reads': (link) => {
    link.isPolite = false;
    link.websocket.pause();
  },

  'never-acknowledges': (link) => {
    link.isPolite = false;
  },

  'flood-of-pings': (link) => flood(link, [frames.ping(Buffer.alloc(8))]),
  'flood-of-pings-unread': (link) => {
    link.websocket.pause();
    return flood(link, [frames.ping(Buffer.alloc(8))]);
  },
  'flood-of-notices': (link) => flood(link, [frames.notice('{"a":1}'.padEnd(4096))]),
  'flood-of-credit': (link) => {
    const isOpened = Promise.withResolvers<number>();
    link.onRequest = (id) => isOpened.resolve(id);
    return isOpened.promise.then((id) => {
      const closed = frames.reset(id, 1);
      return flood(link, [closed, frames.credit(id, 1)]);
    });
  },
  'flood-of-optional-frames': (link) => flood(link, [frame(0x80, 0, Buffer.alloc(16_384))]),

  text: (link) => link.websocket.send('hello'),

  'huge-message': (link) => link.send(Buffer.alloc(mebibyte)),

  /** RSV1: compressed, which nobody agreed to. */
  compressed: (link) => write(link, Buffer.from([0xc2, 0x80, 0, 0, 0, 0])),

  /** Pieces of one message, a byte each (CVE-2026-48779 of ws). */
  fragments: async (link) => {
    await write(link, Buffer.from([0x02, 0x80, 0, 0, 0, 0]));
    const piece = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x61]);
    const batch = Buffer.concat(many(10_000, () => piece));
    for (let sent = 0; sent < 200_000 && link.isOpen; sent += 10_000) await write(link, batch);
  },

  'http2-noise': (link) => answer(link, randomBytes(16_384).toString('latin1')),
  /** A connection preface of a server, and then SETTINGS and PING without end. */
  'http2-flood': (link) => http2(link, [settings, http2Frame(6, 0, 0, Buffer.alloc(8))]),
  /** HEADERS that never end (CVE-2024-27983 and its kin). */
  'http2-continuation': (link) =>
    http2(link, [
      settings,
      http2Frame(1, 0, 1, Buffer.from([0x88])),
      ...many(1000, () => http2Frame(9, 0, 1, literal('x', 'a'.repeat(1000)))),
    ]),
  'http2-push': (link) =>
    http2(link, [settings, http2Frame(5, 4, 1, Buffer.from([0, 0, 0, 2, 0x82, 0x84, 0x87]))]),
  'http2-window': (link) =>
    http2(link, [settings, http2Frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))]),
};

/** Those whose agent says that its origin speaks HTTP/2. */
export function speaksHttp2(attack: string): boolean {
  return attack.startsWith('http2-');
}

const settings = http2Frame(4, 0, 0, Buffer.alloc(0));

/** RFC 9113 §4.1. */
function http2Frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541 §6.2.2, with lengths below 16,000. */
function literal(name: string, value: string): Buffer {
  const rest = value.length - 127;
  const length = Buffer.from([0x7f, (rest & 0x7f) | 0x80, rest >> 7]);
  return Buffer.concat([
    Buffer.from([0x00, name.length]),
    Buffer.from(name),
    length,
    Buffer.from(value),
  ]);
}

function http2(link: EvilLink, sent: readonly Buffer[]): void {
  const bytes = Buffer.concat(sent);
  link.onRequest = (id) =>
    forAWhile(link, async () => {
      for (let at = 0; at < bytes.length && link.isOpen; at += 60_000) {
        await link.sendFrames(frames.data(id, bytes.subarray(at, at + 60_000)));
      }
    });
}

function answer(link: EvilLink, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  link.onRequest = async (id) => {
    for (let at = 0; at < bytes.length && link.isOpen; at += 60_000) {
      await link.sendFrames(frames.data(id, bytes.subarray(at, at + 60_000)));
    }
  };
}

async function flood(link: EvilLink, sent: readonly NaiveFrame[]): Promise<void> {
  const batch = encodeFrames(sent);
  const message = Buffer.concat(many(Math.floor(100_000 / batch.length), () => batch));
  await forAWhile(link, () => link.send(message));
}

async function forAWhile(link: EvilLink, once: () => Promise<void>): Promise<void> {
  const until = performance.now() + floodMs;
  while (link.isOpen && performance.now() < until) await once();
}

function write(link: EvilLink, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => link.tls.write(bytes, () => resolve()));
}

function many<Made>(count: number, make: (index: number) => Made): Made[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
