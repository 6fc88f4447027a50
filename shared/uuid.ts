// The current time arrives here; a UUIDv7 leaves (RFC 9562 §5.7): ids that sort by the time they were made.

import { randomBytes } from 'node:crypto';

/** 48 bits of milliseconds, then 74 random bits: made here because PostgreSQL before 18 has no uuidv7(). */
export function uuidv7(nowMs: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
