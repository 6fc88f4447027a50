import { X509Certificate } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  MemoryAccountStore,
  MemoryChallengeStore,
} from '../../../test/support/memory-certificates.ts';
import { ScriptedAuthority } from '../../../test/support/scripted-authority.ts';
import { HttpSolver } from '../challenges/http-01.ts';
import { AcmeAuthority, type AcmeAuthorityOptions } from './acme-authority.ts';
import { createKeyAndCsr } from './csr.ts';

let server: ScriptedAuthority;
let accounts: MemoryAccountStore;
let challenges: MemoryChallengeStore;
const never = new AbortController().signal;
const openSeal = {
  seal: (text: string) => Buffer.from(text),
  open: (sealed: Buffer) => sealed.toString(),
};

beforeEach(async () => {
  server = await ScriptedAuthority.start();
  accounts = new MemoryAccountStore();
  challenges = new MemoryChallengeStore();
});

afterEach(async () => server.stop());

function authority(options: Partial<AcmeAuthorityOptions> = {}): AcmeAuthority {
  return new AcmeAuthority({
    directoryUrl: server.directoryUrl,
    trust: server.trust,
    accounts,
    keyRing: openSeal,
    contact: 'operator@films.example',
    agreesToTerms: true,
    ...options,
  });
}

async function obtain(
  acme: AcmeAuthority,
  names = ['films.example'],
  signal = never,
): Promise<string> {
  const { csr } = await createKeyAndCsr(names, 'ecdsa');
  const order = { names, csr, profile: undefined, replaces: undefined };
  return acme.obtain(order, new HttpSolver(challenges), signal);
}

describe('an order', () => {
  test('brings a chain for its names', async () => {
    const chain = await obtain(authority(), ['a.films.example', 'b.films.example']);
    expect(new X509Certificate(chain).subjectAltName).toBe(
      'DNS:a.films.example, DNS:b.films.example',
    );
    expect(challenges.challenges.size).toBe(0);
  });
});
