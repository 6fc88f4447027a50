import type { Buffer } from 'node:buffer';

import { decode, type DecodedPacket } from 'dns-packet';
import { describe, expect, it } from 'vitest';

import { hostilePacket } from '../../../../test/abuse/dns/packets.ts';
import { hostileCases, seededRandom } from '../../../../test/support/random.ts';
import { answerTo, type Way } from './answering.ts';
import { defaultResponderLimits as limits } from './limits.ts';
import { zonesOf } from './settings.ts';
import { Zone } from './zone.ts';

const zones = zonesOf({
  listen: [],
  zones: ['hub.localhost', 'phlix.localhost'],
  nameServers: [{ name: 'hub.localhost', addresses: ['192.0.2.1'] }],
  caa: [],
  texts: [],
  hosts: { names: ['hub.localhost'], domain: 'phlix.localhost', addresses: ['192.0.2.1'] },
}).map(
  (zone) => new Zone(zone, [{ name: '_acme-challenge.phlix.localhost', value: 'v'.repeat(43) }], 1),
);
const ways: readonly Way[] = ['udp', 'udp-over-limit', 'tcp'];
/** So much work for one packet would be a way to stop the responder. A whole collection of garbage takes less. */
const slowMs = 250;

describe('random and mutated packets', () => {
  it(
    `are answered well-formed or not at all, ${hostileCases} of them`,
    { timeout: 120_000 },
    () => {
      const random = seededRandom(2026);
      const results = new Map<string, number>();
      const complaints: string[] = [];
      for (let at = 0; at < hostileCases; at += 1) {
        const packet = hostilePacket(random);
        const way = random.pick(ways);
        const startedAt = performance.now();
        const reply = answerTo(packet, zones, { way, limits });
        const isSlow = performance.now() - startedAt > slowMs;
        const { result, isGood } = judge(packet, reply, way);
        results.set(result, (results.get(result) ?? 0) + 1);
        if (isSlow || !isGood) complaints.push(`${way} ${packet.toString('hex')}: ${result}`);
      }
      expect(complaints.slice(0, 3)).toEqual([]);
      // Each is reached, or the packets would be too tame or too wild to say anything.
      const kinds = ['FORMERR', 'NOERROR', 'NOTIMP', 'NXDOMAIN', 'REFUSED', 'silence'];
      expect([...results.keys()].toSorted()).toEqual(kinds);
      for (const kind of kinds) expect(results.get(kind)).toBeGreaterThan(hostileCases / 1000);
    },
  );
});

function judge(
  packet: Buffer,
  reply: Buffer | undefined,
  way: Way,
): { result: string; isGood: boolean } {
  if (reply === undefined) return { result: 'silence', isGood: true };
  const told = decode(reply) as DecodedPacket & { rcode: string };
  const isWhole = decode.bytes === reply.length && told.id === packet.readUInt16BE(0);
  const isAnswer = told.flag_qr && !told.flag_ra && !told.flag_ad && !told.flag_z;
  // Beyond its rate nobody gets more than he sent: EDNS costs both sides the same.
  const most = { udp: limits.udpPayloadBytes, 'udp-over-limit': packet.length, tcp: 65_535 }[way];
  return { result: told.rcode, isGood: isWhole && isAnswer && reply.length <= most };
}
