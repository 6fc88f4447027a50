// Random numbers arrive; packets leave that no resolver would send: noise, and questions that were damaged on purpose.

import { Buffer } from 'node:buffer';

import { encode, type Answer, type RecordType } from 'dns-packet';

import type { Random } from '../../support/random.ts';

/** Names that the hub of an ordeal answers for, and one that it does not. */
const names = [
  'hub.localhost',
  'phlix.localhost',
  'movies.phlix.localhost',
  '_acme-challenge.phlix.localhost',
  'no.hub.localhost',
  'example.org',
];
const types = ['A', 'AAAA', 'TXT', 'NS', 'SOA', 'CAA', 'MX', 'AXFR'] as const;
/** What breaks readers: everything, nothing, the sign bit, a pointer and one beyond the longest label. */
const extremes = [0x00, 0xff, 0x7f, 0x80, 0xc0, 0x40, 0x3f];
/** Longer than any way to the responder would carry whole. */
const noiseBytes = 1500;

/** A third of it is noise. */
export function hostilePacket(random: Random): Buffer {
  if (random.below(3) === 0) return random.bytes(random.below(noiseBytes));
  let packet = question(random);
  for (let times = random.below(4); times >= 0; times -= 1)
    packet = random.pick(damages)(packet, random);
  return packet;
}

export function question(random: Random): Buffer {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: random.below(65_536) } as Answer;
  const type: RecordType | 'ANY' = random.pick([...types, 'ANY']);
  return encode({
    type: 'query',
    id: random.below(65_536),
    flags: random.below(2) * 0x0100,
    questions: [{ name: random.pick(names), type: type as RecordType, class: 'IN' }],
    additionals: random.below(2) === 0 ? [] : [opt],
  });
}

type Damage = (packet: Buffer, random: Random) => Buffer;

const damages: readonly Damage[] = [
  // One octet is another.
  (packet, random) => changed(packet, random.below(packet.length), random.below(256)),
  (packet, random) => changed(packet, random.below(packet.length), random.pick(extremes)),
  // A count, a flag or an opcode is.
  (packet, random) => changed(packet, 2 + random.below(10), random.pick(extremes)),
  // It ends early, goes on, or has a piece twice.
  (packet, random) => packet.subarray(0, random.below(packet.length + 1)),
  (packet, random) => Buffer.concat([packet, random.bytes(random.below(200))]),
  (packet, random) => {
    const from = random.below(packet.length + 1);
    return Buffer.concat([packet, packet.subarray(from)]);
  },
  // A name that points somewhere.
  (packet, random) => changed(changed(packet, 12, 0xc0), 13, random.below(64)),
];

function changed(packet: Buffer, at: number, octet: number): Buffer {
  const copy = Buffer.from(packet);
  if (at < copy.length) copy[at] = octet;
  return copy;
}
