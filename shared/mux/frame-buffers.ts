// Wishes for a buffer that holds one frame arrive; buffers leave, and those of large frames come back to be used again.

import { Buffer } from 'node:buffer';
import { maxDataBytes, slabHeadroomBytes } from '../wire/limits.ts';

const largeBytes = slabHeadroomBytes + maxDataBytes;

/** 1 MiB for all streams of the process. The one that came back last is used first: the processor's cache still holds it. */
const keptBuffers = 16;

const kept: Buffer[] = [];

/** At least so long. A frame that fills less than half of a large buffer gets one of its own size: slow lines keep many of them waiting. */
export function borrowFrameBuffer(bytes: number): Buffer {
  if (bytes * 2 < largeBytes) return Buffer.allocUnsafeSlow(bytes);
  return kept.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
}

/** For once, however often it is called: a buffer that lay here twice would soon hold the frames of two streams. */
export function frameBufferReturn(buffer: Buffer): () => void {
  let borrowed: Buffer | undefined = buffer;
  return () => {
    if (borrowed?.length === largeBytes && kept.length < keptBuffers) kept.push(borrowed);
    borrowed = undefined;
  };
}
