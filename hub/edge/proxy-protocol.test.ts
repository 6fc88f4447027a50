import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ProxyHeaderReader, type ProxyHeader } from './proxy-protocol.ts';

const signature = '0d0a0d0a000d0a515549540a';
const tcp4 = 'cb007109c6336401d43101bb';
const tcp6 = '20010db800000000000000000000000720010db8000000000000000000000001d43101bb';
const mapped = '00000000000000000000ffffcb00710900000000000000000000ffffc6336401d43101bb';

function header(commandAndFamily: string, body: string): Buffer {
  const length = (body.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(signature + commandAndFamily + length + body, 'hex');
}

const read = (bytes: Buffer): ProxyHeader => new ProxyHeaderReader().push(bytes);

function sourceOf(bytes: Buffer): unknown {
  const result = read(bytes);
  return result.state === 'header' ? result.source : result;
}

describe('a PROXY header of version 2', () => {
  it.each([
    ['an IPv4 client', header('2111', tcp4), { kind: 'client', address: '203.0.113.9' }],
    ['an IPv6 client', header('2121', tcp6), { kind: 'client', address: '2001:db8::7' }],
    ['a mapped client', header('2121', mapped), { kind: 'client', address: '203.0.113.9' }],
    [
      'a client and things to skip',
      header('2111', `${tcp4}02000361626304000100e000020102`),
      { kind: 'client', address: '203.0.113.9' },
    ],
    ['the proxy itself', header('2000', ''), { kind: 'proxy' }],
    ['the proxy itself, addresses or not', header('2011', tcp4), { kind: 'proxy' }],
    ['a Unix socket', header('2131', '00'.repeat(216)), { kind: 'unknown' }],
    ['nobody it knows', header('2100', 'ffff'), { kind: 'unknown' }],
  ])('names %s', (_who, bytes, source) => {
    expect(sourceOf(bytes)).toEqual(source);
  });

  it('is split from what follows, wherever the pieces are cut', () => {
    const bytes = Buffer.concat([header('2111', tcp4), Buffer.from('hello')]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new ProxyHeaderReader();
      let result: ProxyHeader = { state: 'more' };
      let rest = '';
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        if (piece.length === 0) continue;
        if (result.state === 'header') rest += piece.toString();
        else result = reader.push(piece);
      }
      expect(result).toMatchObject({ state: 'header' });
      expect((result as { rest: Buffer }).rest.toString() + rest).toBe('hello');
    }
  });

  it('with a checksum is believed only if it is right', () => {
    const bytes = header('2111', `${tcp4}03000400000000`);
    const wrong = read(bytes);
    expect(wrong).toEqual({ state: 'malformed', reason: 'its checksum is wrong' });
    bytes.writeUInt32BE(referenceCrc(bytes), bytes.length - 4);
    expect(read(bytes)).toMatchObject({ state: 'header' });
    const typeAt = bytes.length - 7;
    for (let at = 12; at < bytes.length; at++) {
      // With another type it is another extension.
      if (at === typeAt) continue;
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(read(flipped)).not.toMatchObject({ source: { kind: 'client' } });
    }
    expect(read(header('2111', `${tcp4}030003000000`))).toMatchObject({ state: 'malformed' });
  });

  it.each([
    ['a TLS hello', Buffer.from('1603010200', 'hex'), /there is none/],
    ['a request', Buffer.from('GET / HTTP/1.1\r\n'), /there is none/],
    ['version 1', Buffer.from('PROXY TCP4 203.0.113.9'), /version 1/],
    ['the start of version 1', Buffer.from('PR'), /version 1/],
    ['a broken signature', Buffer.from('0d0a0d0a000d0a515549540b', 'hex'), /there is none/],
    ['version 3', header('3111', tcp4), /version or command/],
    ['an unknown command', header('2211', tcp4), /version or command/],
    ['datagrams', header('2112', tcp4), /family/],
    ['an unknown family', header('2141', tcp4), /family/],
    ['half an address', header('2111', tcp4.slice(2)), /cut short/],
    ['an IPv4 address as IPv6', header('2121', tcp4), /cut short/],
    ['half an extension', header('2111', `${tcp4}0400`), /cut short/],
    ['an extension beyond the end', header('2111', `${tcp4}04000200`), /cut short/],
    ['too much', header('2111', tcp4 + '00'.repeat(510)), /longer than 536/],
  ])('is refused for %s', (_what, bytes, reason) => {
    const result = read(bytes);
    expect(result.state).toBe('malformed');
    expect((result as { reason: string }).reason).toMatch(reason);
  });

  it('that is too long is refused before it is there', () => {
    expect(read(Buffer.from(`${signature}2111ffff`, 'hex')).state).toBe('malformed');
  });

  it('may be as long as 536 bytes', () => {
    const filler = `04${(505).toString(16).padStart(4, '0')}${'00'.repeat(505)}`;
    expect(sourceOf(header('2111', tcp4 + filler))).toMatchObject({ kind: 'client' });
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), fc.boolean(), (pieces, isSigned) => {
        const reader = new ProxyHeaderReader();
        if (isSigned) reader.push(Buffer.from(signature, 'hex'));
        for (const piece of pieces) {
          const { state } = reader.push(Buffer.from(piece));
          expect(['more', 'header', 'malformed']).toContain(state);
          if (state !== 'more') return;
        }
      }),
    );
  });
});

const reflect = (value: number, width: number): number =>
  Number.parseInt(Array.from(value.toString(2).padStart(width, '0')).toReversed().join(''), 2);

/** Bit by bit, most significant first on reflected bytes: another way round than the product's. */
function referenceCrc(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ (reflect(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++)
      crc = (crc & 0x80000000 ? (crc << 1) ^ 0x1edc6f41 : crc << 1) >>> 0;
  }
  return (reflect(crc, 32) ^ 0xffffffff) >>> 0;
}

it('the reference is CRC-32C', () => {
  expect(referenceCrc(Buffer.from('123456789')).toString(16)).toBe('e3069283');
});
