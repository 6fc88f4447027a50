// A message arrives, from whichever transport; the message that answers it leaves, or nothing.

import type { Buffer } from 'node:buffer';

import { answerFrom, bareAnswer, type Answer } from './answer.ts';
import type { ResponderLimits } from './limits.ts';
import { plainUdpBytes, readRequest, type Request } from './request.ts';
import { encodeRefusal, encodeResponse, encodeTruncated } from './response.ts';
import { rcode } from './wire-codes.ts';
import type { Zone } from './zone.ts';

/** How the answer goes back. `udp-over-limit`: so many went there that this one says only "ask by TCP". */
export type Way = 'udp' | 'udp-over-limit' | 'tcp';

/** RFC 1035 §4.2.2: the two octets before a message say its length. */
const tcpBytes = 65_535;

export function answerTo(
  message: Buffer,
  zones: readonly Zone[],
  { way, limits }: { readonly way: Way; readonly limits: ResponderLimits },
): Buffer | undefined {
  const isUdp = way !== 'tcp';
  const request = readRequest(message, limits.requestBytes);
  if (request === undefined) return undefined;
  if (!('question' in request)) return encodeRefusal(request);
  const ourPayloadBytes = limits.udpPayloadBytes;
  if (way === 'udp-over-limit') return encodeTruncated(request, ourPayloadBytes);
  const theirBytes = Math.min(request.edns?.payloadBytes ?? plainUdpBytes, ourPayloadBytes);
  const maxBytes = isUdp ? theirBytes : tcpBytes;
  return encodeResponse(request, answerOf(request, zones), { maxBytes, ourPayloadBytes });
}

function answerOf({ edns, question }: Request, zones: readonly Zone[]): Answer {
  // RFC 6891 §6.1.3: asked in a version that we do not speak, we say so in ours.
  const isForeign = edns !== undefined && edns.version > 0;
  return isForeign ? bareAnswer(rcode.badVersion) : answerFrom(zones, question);
}
