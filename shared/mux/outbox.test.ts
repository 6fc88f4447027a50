import { Buffer } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import { maxDataBytes } from '../wire/limits.ts';
import { Outbox, type Outbound } from './outbox.ts';

/** A write, as a stream hands it over. */
const write = (source: Buffer, written?: () => void): Outbound => ({
  source,
  start: 0,
  end: source.length,
  hasHeadroom: false,
  written,
});

const slab = (source: Buffer, written?: () => void): Outbound => ({
  ...write(source, written),
  start: 8,
  hasHeadroom: true,
});

const text = (taken: Outbound | undefined): string | undefined =>
  taken?.source.toString('latin1', taken.start, taken.end);

/** A large frame. */
function fill(outbox: Outbox): Outbound | undefined {
  for (const letter of 'abcd') outbox.push(write(Buffer.alloc(20_000, letter)));
  const piece = outbox.take(maxDataBytes, 0);
  outbox.discard();
  return piece;
}

describe('an outbox', () => {
  it('hands a lone write over as it is', () => {
    const outbox = new Outbox();
    const alone = write(Buffer.from('alone'), () => undefined);
    outbox.push(alone);
    expect(outbox.take(100, 0)).toEqual(alone);
    expect([outbox.isEmpty, outbox.bytes]).toEqual([true, 0]);
  });

  it('puts into one piece what comes while the writes before it are said to be done', () => {
    const outbox = new Outbox();
    outbox.push(
      write(Buffer.from('one '), () => {
        outbox.push(write(Buffer.from('two ')));
        outbox.push(write(Buffer.from('three')));
      }),
    );
    expect(text(outbox.take(10, 9))).toBe('one two th');
    expect(outbox.bytes).toBe(3);
    expect(text(outbox.take(10, 0))).toBe('ree');
  });

  it('does with less where what was announced does not come', () => {
    const outbox = new Outbox();
    outbox.push(write(Buffer.from('one')));
    expect(text(outbox.take(100, 50))).toBe('one');
    expect(outbox.isEmpty).toBe(true);
  });

  it('never joins slabs, which leave without a copy, nor their parts', () => {
    const outbox = new Outbox();
    const written = vi.fn<() => void>();
    outbox.push(slab(Buffer.from('........first'), written));
    outbox.push(slab(Buffer.from('........second'), written));
    const pieces = [outbox.take(3, 0), outbox.take(100, 0), outbox.take(100, 0)];
    expect(pieces.map(text)).toEqual(['fir', 'st', 'second']);
    expect(pieces.map((piece) => piece?.hasHeadroom)).toEqual([false, false, true]);
    expect(written).not.toHaveBeenCalled();
  });

  it('uses the room of a large frame again once the transport gave it back, and not before', () => {
    const outbox = new Outbox();
    const [first, second] = [fill(outbox), fill(outbox)];
    expect(second?.source).not.toBe(first?.source);
    first?.written?.();
    const third = fill(outbox);
    expect(third?.source).toBe(first?.source);
    expect(text(third)?.slice(59_999, 60_001)).toBe('cd');
  });

  it('gives no two frames the same room, though a transport gave it back twice', () => {
    const [one, other] = [new Outbox(), new Outbox()];
    const first = fill(one);
    first?.written?.();
    first?.written?.();
    const [second, third] = [fill(one), fill(other)];
    expect(second?.source).toBe(first?.source);
    expect(third?.source).not.toBe(second?.source);
    // Nor does a third time take it from the frame that has it now.
    first?.written?.();
    expect(fill(other)?.source).not.toBe(second?.source);
  });

  it('a small frame has a buffer of its own size: many of them may wait on a slow line', () => {
    const outbox = new Outbox();
    for (const letter of 'ab') outbox.push(write(Buffer.alloc(10_000, letter)));
    const piece = outbox.take(16_000, 0);
    expect(piece?.source.length).toBe(16_008);
  });

  it('tells everybody when it is thrown away', () => {
    const outbox = new Outbox();
    const written = vi.fn<() => void>();
    outbox.push(write(Buffer.from('one'), written));
    outbox.push(write(Buffer.from('two'), written));
    outbox.discard();
    expect([written.mock.calls.length, outbox.bytes, outbox.isEmpty]).toEqual([2, 0, true]);
  });
});
