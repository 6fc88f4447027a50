// What a dns-01 challenge is made of arrives; the TXT record that proves it leaves.

import { createHash } from 'node:crypto';

import type { RecordProof, TxtRecord } from './provider.ts';

const label = '_acme-challenge';

/** Where an authority starts to look; a CNAME there may lead it elsewhere. */
export function challengeName(domain: string): string {
  return `${label}.${withoutWildcard(domain)}`.toLowerCase();
}

/** RFC 8555 §8.4. `name` is where the record goes: `challengeName`, or the end of its CNAME chain. */
export function challengeRecord(proof: RecordProof, name: string): TxtRecord {
  const value = createHash('sha256').update(proof.keyAuthorization).digest('base64url');
  return { name, value, proof };
}

export function withoutWildcard(domain: string): string {
  return domain.startsWith('*.') ? domain.slice(2) : domain;
}
