import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededRandom } from '../../test/support/random.ts';
import { Inbox } from './inbox.ts';

function takeAll(inbox: Inbox): Buffer[] {
  const chunks: Buffer[] = [];
  for (let chunk = inbox.shift(); chunk !== undefined; chunk = inbox.shift()) chunks.push(chunk);
  return chunks;
}

/** Bytes of memory that the chunks keep alive. Node's own pool for small buffers is shared and counts once. */
function heldBytes(chunks: readonly Buffer[]): number {
  const memory = new Set(chunks.map((chunk) => chunk.buffer));
  return [...memory].reduce((sum, buffer) => sum + buffer.byteLength, 0);
}

const ownMemory = (bytes: number): Buffer => Buffer.alloc(bytes, 7);

it('gives back every byte in order, however the pieces were cut and whenever they are taken', () => {
  const random = seededRandom(3);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 9000 }), fc.boolean()), { maxLength: 40 }),
      (steps) => {
        const inbox = new Inbox();
        const [sent, taken]: [Buffer[], Buffer[]] = [[], []];
        for (const [length, takes] of steps) {
          const piece = Buffer.alloc(length, random.below(256));
          sent.push(piece);
          inbox.push(piece);
          expect(inbox.isEmpty).toBe(false);
          const chunk = takes ? inbox.shift() : undefined;
          if (chunk !== undefined) taken.push(chunk);
        }
        taken.push(...takeAll(inbox));
        expect(inbox.isEmpty).toBe(true);
        expect(Buffer.concat(taken).equals(Buffer.concat(sent))).toBe(true);
      },
    ),
  );
});

it('is empty, and says so, before and after', () => {
  const inbox = new Inbox();
  expect(inbox.isEmpty).toBe(true);
  expect(inbox.shift()).toBeUndefined();
  inbox.push(Buffer.from('a'));
  expect(inbox.isEmpty).toBe(false);
  expect(inbox.shift()?.toString()).toBe('a');
  expect(inbox.isEmpty).toBe(true);
  expect(inbox.shift()).toBeUndefined();
});

it('a flood of single bytes costs bytes, not objects', () => {
  const inbox = new Inbox();
  const count = 256 * 1024;
  for (let sent = 0; sent < count; sent += 1) inbox.push(Buffer.from([sent & 0xff]));
  const chunks = takeAll(inbox);
  expect(chunks).toHaveLength(count / 4096);
  expect(chunks.every((chunk) => chunk.length === 4096)).toBe(true);
  expect(heldBytes(chunks)).toBeLessThanOrEqual(2 * count);
});

it('a gathered chunk is filled to its last byte and not beyond', () => {
  const inbox = new Inbox();
  inbox.push(ownMemory(4000));
  inbox.push(ownMemory(96));
  inbox.push(ownMemory(1));
  expect(takeAll(inbox).map((chunk) => chunk.length)).toEqual([4096, 1]);
});

it('a small piece is copied: the message around it is not kept', () => {
  const inbox = new Inbox();
  const message = ownMemory(65_536);
  inbox.push(message.subarray(10, 20));
  inbox.push(message.subarray(20, 30));
  message.fill(0);
  const [chunk] = takeAll(inbox);
  expect(chunk).toEqual(Buffer.alloc(20, 7));
  expect(chunk?.buffer).not.toBe(message.buffer);
});

it('a piece of 4 KiB that is all of its message is kept as it is, a smaller one is gathered', () => {
  for (const [length, isKept] of [
    [4096, true],
    [4095, false],
  ] as const) {
    const inbox = new Inbox();
    const message = ownMemory(length);
    inbox.push(message);
    expect(inbox.shift()?.buffer === message.buffer).toBe(isKept);
  }
});

it('goes on gathering while a large piece before it is taken', () => {
  const inbox = new Inbox();
  inbox.push(ownMemory(5000));
  inbox.push(ownMemory(10));
  expect(inbox.shift()).toHaveLength(5000);
  inbox.push(ownMemory(10));
  expect(takeAll(inbox).map((chunk) => chunk.length)).toEqual([20]);
});

it('a large piece that is less than half of its message is copied', () => {
  const inbox = new Inbox();
  const message = ownMemory(65_536);
  inbox.push(message.subarray(0, 32_767));
  expect(takeAll(inbox)[0]?.buffer).not.toBe(message.buffer);
});

it('a large piece that is half of its message or more is kept as it is', () => {
  const inbox = new Inbox();
  const message = ownMemory(65_536);
  inbox.push(message.subarray(0, 32_768));
  inbox.push(message.subarray(0, 65_536));
  expect(takeAll(inbox).map((chunk) => chunk.buffer === message.buffer)).toEqual([true, true]);
});

it('memory stays within twice the bytes, whatever a peer mixes', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 50; round += 1) {
    const inbox = new Inbox();
    let sentBytes = 0;
    while (sentBytes < 256 * 1024) {
      const piece = ownMemory(65_536).subarray(0, 1 + random.below(random.pick([2, 5000, 65_536])));
      sentBytes += piece.length;
      inbox.push(piece);
    }
    expect(heldBytes(takeAll(inbox))).toBeLessThanOrEqual(2 * sentBytes + 16_384);
  }
});
