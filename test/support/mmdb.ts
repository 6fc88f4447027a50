// Networks arrive, each with what is known of it; the bytes of a MaxMind DB file leave (MaxMind DB file format specification 2.0).

import { Buffer } from 'node:buffer';

import { bytesOfAddress } from './address-bytes.ts';

type Value = string | number | Whole | readonly Value[] | { readonly [name: string]: Value };

interface City {
  readonly latitude: number;
  readonly longitude: number;
  readonly accuracyKm: number;
  readonly country: string;
  readonly city?: string;
}

/** `198.51.100.0/24` or `2001:db8::/32`, with what a City file says there. */
export function cityFile(cities: Readonly<Record<string, City>>): Buffer {
  const tree = new Tree();
  const pieces: Buffer[] = [];
  let length = 0;
  for (const [network, city] of Object.entries(cities)) {
    tree.insert(network, length);
    const piece = encoded(recordOf(city));
    pieces.push(piece);
    length += piece.length;
  }
  const { nodes, bytes } = tree.written();
  const metadata = {
    node_count: uint(32, nodes),
    record_size: uint(16, 32),
    ip_version: uint(16, 6),
    database_type: 'GeoIP2-City-Test',
    languages: ['en'],
    binary_format_major_version: uint(16, 2),
    binary_format_minor_version: uint(16, 0),
    build_epoch: uint(64, 1_790_000_000),
    description: { en: 'made by a test' },
  };
  const marker = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')]);
  return Buffer.concat([bytes, Buffer.alloc(16), ...pieces, marker, encoded(metadata)]);
}

function recordOf({ latitude, longitude, accuracyKm, country, city }: City): Value {
  return {
    ...(city !== undefined && { city: { names: { en: city } } }),
    country: { iso_code: country },
    location: { accuracy_radius: uint(16, accuracyKm), latitude, longitude },
  };
}

/** Whole, of so many bits, which readers insist on. Other numbers are doubles. */
class Whole {
  readonly bits: 16 | 32 | 64;
  readonly value: number;

  constructor(bits: 16 | 32 | 64, value: number) {
    this.bits = bits;
    this.value = value;
  }

  get bytes(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(this.value));
    return bytes.subarray(8 - this.bits / 8);
  }
}

function uint(bits: 16 | 32 | 64, value: number): Whole {
  return new Whole(bits, value);
}

class Tree {
  readonly #nodes: [Target, Target][] = [['nothing', 'nothing']];

  insert(network: string, offset: number): void {
    const [address = '', digits = ''] = network.split('/');
    const bytes = bytesOfAddress(address);
    // IPv4 lies at ::/96.
    const depth = Number(digits) + (bytes.isIpv4 ? 96 : 0);
    let node = 0;
    for (let bit = 0; bit < depth; bit++) {
      const side = ((bytes.of16[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
      const pair = this.#nodes[node] ?? ['nothing', 'nothing'];
      if (bit === depth - 1) {
        pair[side] = { offset };
        return;
      }
      const next = pair[side];
      if (typeof next === 'number') node = next;
      else {
        node = this.#nodes.push(['nothing', 'nothing']) - 1;
        pair[side] = node;
      }
    }
  }

  written(): { nodes: number; bytes: Buffer } {
    const nodes = this.#nodes.length;
    const bytes = Buffer.alloc(nodes * 8);
    for (const [index, sides] of this.#nodes.entries()) {
      for (const [side, target] of sides.entries())
        bytes.writeUInt32BE(recordFor(target, nodes), index * 8 + side * 4);
    }
    return { nodes, bytes };
  }
}

/** Another node, or where in the data it is. */
type Target = number | 'nothing' | { readonly offset: number };

function recordFor(target: Target, nodes: number): number {
  if (typeof target === 'number') return target;
  return target === 'nothing' ? nodes : nodes + 16 + target.offset;
}

const types = { text: 2, double: 3, map: 7, array: 11 };
const wholeTypes = { 16: 5, 32: 6, 64: 9 };

function encoded(value: Value): Buffer {
  if (typeof value === 'string') return withControl(types.text, Buffer.from(value));
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return withControl(types.double, bytes);
  }
  if (Array.isArray(value))
    return Buffer.concat([control(types.array, value.length), ...value.map(encoded)]);
  if (value instanceof Whole) return withControl(wholeTypes[value.bits], value.bytes);
  const entries = Object.entries(value as Record<string, Value>);
  const parts = entries.flatMap(([name, held]) => [encoded(name), encoded(held)]);
  return Buffer.concat([control(types.map, entries.length), ...parts]);
}

function withControl(type: number, bytes: Buffer): Buffer {
  return Buffer.concat([control(type, bytes.length), bytes]);
}

/** Sizes from 29 to 284 have a byte of their own; nothing here is longer. */
function control(type: number, size: number): Buffer {
  const small = Math.min(size, 29);
  const head = type > 7 ? [small, type - 7] : [(type << 5) | small];
  return Buffer.from(size < 29 ? head : [...head, size - 29]);
}
