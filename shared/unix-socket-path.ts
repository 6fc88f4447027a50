// The path of a Unix socket arrives; whether the kernel can hold it leaves.

import { Buffer } from 'node:buffer';

/** 108 bytes on Linux and 104 on macOS, with the zero behind it; a longer one is cut off silently. */
const maxPathBytes = 103;

export function isSocketPath(path: string): boolean {
  return !path.includes('\0') && Buffer.byteLength(path) <= maxPathBytes;
}
