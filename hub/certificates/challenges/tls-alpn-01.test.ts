import { createHash, X509Certificate } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { MemoryChallengeStore } from '../../../test/support/memory-certificates.ts';
import { within } from '../../../test/support/deadline.ts';
import type { Challenge } from './solver.ts';
import { createProofCertificate, TlsAlpnSolver } from './tls-alpn-01.ts';

const never = new AbortController().signal;

function challenge(token: string): Challenge {
  return { kind: 'tls-alpn-01', name: 'a.example', token, keyAuthorization: `${token}.thumb` };
}

describe('the certificate of RFC 8737', () => {
  test('is for the name alone, signed by itself, with the digest in a critical extension', async () => {
    const asked = challenge('token');
    const { certificate, key } = await createProofCertificate(asked);
    const parsed = new X509Certificate(certificate);
    expect(parsed.subjectAltName).toBe('DNS:a.example');
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(key).toContain('BEGIN PRIVATE KEY');
    const digest = createHash('sha256').update(asked.keyAuthorization).digest('hex');
    // SEQUENCE { OID 1.3.6.1.5.5.7.1.31, TRUE, OCTET STRING { OCTET STRING { digest } } }
    const extension = `303106082b0601050507011f0101ff04220420${digest}`;
    expect(parsed.raw.toString('hex')).toContain(extension);
  });
});

describe('two orders for one name', () => {
  test('show their proofs one after the other', async () => {
    const store = new MemoryChallengeStore();
    const solver = new TlsAlpnSolver({ store });
    const [ecdsa, rsa] = [challenge('first'), challenge('second')];
    await solver.present(ecdsa, never);
    const second = solver.present(rsa, never);
    expect(await store.findByName('tls-alpn-01', 'a.example')).toEqual(ecdsa);
    await solver.cleanUp(ecdsa);
    await within(second, 5000, () => 'the second proof');
    expect(await store.findByName('tls-alpn-01', 'a.example')).toEqual(rsa);
  });

  test('do not wait for one whose process died, and take its proof away', async () => {
    const store = new MemoryChallengeStore();
    await new TlsAlpnSolver({ store }).present(challenge('dead'), never);
    const living = challenge('living');
    await within(
      new TlsAlpnSolver({ store }).present(living, never),
      5000,
      () => 'the proof of the living',
    );
    expect(await store.listByName('tls-alpn-01', 'a.example')).toEqual([living]);
  });

  test('do not wait for ever for one at another authority', async () => {
    const store = new MemoryChallengeStore();
    const elsewhere = { ...challenge('elsewhere'), keyAuthorization: 'elsewhere.other' };
    await new TlsAlpnSolver({ store }).present(elsewhere, never);
    await new TlsAlpnSolver({ store, turnMs: 10 }).present(challenge('here'), never);
    expect((await store.findByName('tls-alpn-01', 'a.example'))?.token).toBe('here');
    expect(await store.listByName('tls-alpn-01', 'a.example')).toContainEqual(elsewhere);
  });

  test('stop waiting when the attempt is given up', async () => {
    const store = new MemoryChallengeStore();
    const solver = new TlsAlpnSolver({ store });
    await solver.present(challenge('first'), never);
    const givenUp = new AbortController();
    const second = solver.present(challenge('second'), givenUp.signal);
    givenUp.abort(new Error('the lease is lost'));
    await expect(second).rejects.toThrow('the lease is lost');
  });
});
