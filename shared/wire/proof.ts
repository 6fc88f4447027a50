// What an agent signs: the exact bytes behind an enrolment and behind every connect. Both ends build them here.

import { Buffer } from 'node:buffer';

/** Label of the TLS exporter (RFC 9266 names the channel binding; RFC 8446 §7.5 the function). 32 bytes, no context. */
export const exporterLabel = 'EXPORTER-Channel-Binding';
export const exporterBytes = 32;
export const nonceBytes = 32;

/** Bytes signed when a token is turned into a key (security row D-02). */
export function enrolmentProof(claim: {
  hubHost: string;
  tokenId: string;
  nonce: Buffer;
  exporter: Buffer;
}): Buffer {
  return join('phlix-enrol-v1', claim.hubHost, claim.tokenId, claim.nonce, claim.exporter);
}

/** Bytes signed at every connect (security row D-03). */
export function connectProof(claim: {
  hubHost: string;
  agentId: string;
  nonce: Buffer;
  exporter: Buffer;
  protocolVersion: number;
}): Buffer {
  const version = Buffer.alloc(2);
  version.writeUInt16BE(claim.protocolVersion);
  return join(
    'phlix-tunnel-v1',
    claim.hubHost,
    claim.agentId,
    claim.nonce,
    claim.exporter,
    version,
  );
}

/** Bytes that a key signs once, to name the one that takes its place (security row D-05). Raw keys, 32 bytes each. */
export function successionStatement(claim: {
  hubHost: string;
  former: Buffer;
  successor: Buffer;
}): Buffer {
  return join('phlix-succession-v1', claim.hubHost, claim.former, claim.successor);
}

/** Bytes that the successor signs: it is there, on this very connection. */
export function rotationProof(claim: {
  hubHost: string;
  successor: Buffer;
  nonce: Buffer;
  exporter: Buffer;
}): Buffer {
  return join('phlix-rotate-v1', claim.hubHost, claim.successor, claim.nonce, claim.exporter);
}

/** Bytes that an agent signs before its line is measured. */
export function lineProof(claim: {
  hubHost: string;
  agentId: string;
  nonce: Buffer;
  exporter: Buffer;
}): Buffer {
  return join('phlix-line-v1', claim.hubHost, claim.agentId, claim.nonce, claim.exporter);
}

/** Bytes that an agent signs before it tells what it found when it looked at itself. */
export function checkupProof(claim: {
  hubHost: string;
  agentId: string;
  nonce: Buffer;
  exporter: Buffer;
}): Buffer {
  return join('phlix-checkup-v1', claim.hubHost, claim.agentId, claim.nonce, claim.exporter);
}

/** Every part behind its own length (u16), so that no two claims share their bytes. */
function join(...parts: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return [length, bytes];
    }),
  );
}
