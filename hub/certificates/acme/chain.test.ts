import { createPrivateKey, webcrypto } from 'node:crypto';

import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { describe, expect, test } from 'vitest';

import { generateKeyPair } from '../key-pair.ts';
import { ariIdOf } from './ari-id.ts';
import { checkChain } from './chain.ts';
import { createKeyAndCsr } from './csr.ts';

const now = new Date();
const hourMs = 3_600_000;
const names = ['films.example'];
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };

interface Signed {
  readonly publicKey: webcrypto.CryptoKey;
  readonly by: webcrypto.CryptoKeyPair;
  readonly subject?: string;
  readonly serialNumber?: string;
  readonly issuerKeyId?: string;
  readonly ownKeyId?: string;
}

async function sign(signed: Signed): Promise<string> {
  const { subject = '', serialNumber = '01', issuerKeyId, ownKeyId } = signed;
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: 'CN=issuer',
    serialNumber,
    notBefore: new Date(now.getTime() - hourMs),
    notAfter: new Date(now.getTime() + hourMs),
    publicKey: signed.publicKey,
    signingKey: signed.by.privateKey,
    signingAlgorithm,
    extensions: [
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      ...(issuerKeyId === undefined ? [] : [new AuthorityKeyIdentifierExtension(issuerKeyId)]),
      ...(ownKeyId === undefined ? [] : [new SubjectKeyIdentifierExtension(ownKeyId)]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** A request, and the public half of its key. */
async function request() {
  const { key, csr } = await createKeyAndCsr(names, 'ecdsa');
  const usages = ['verify'] as const;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const privateKey = createPrivateKey(key);
  const jwk = privateKey.export({ format: 'jwk' });
  const { d: _private, ...publicJwk } = jwk;
  const publicKey = await webcrypto.subtle.importKey('jwk', publicJwk, algorithm, true, [
    ...usages,
  ]);
  return { csr, publicKey };
}

describe('a chain', () => {
  test('whose issuer has the right name and key id, and did not sign, is not used', async () => {
    const [issuer, impostor] = [await generateKeyPair('ecdsa'), await generateKeyPair('ecdsa')];
    const { csr, publicKey } = await request();
    const leaf = await sign({ publicKey, by: issuer, issuerKeyId: 'aabb' });
    const own = { subject: 'CN=issuer', ownKeyId: 'aabb' };
    const real = await sign({ publicKey: issuer.publicKey, by: issuer, ...own });
    const forged = await sign({ publicKey: impostor.publicKey, by: impostor, ...own });
    expect(checkChain('acme.example', leaf + real, { names, csr }, now)).toContain('BEGIN');
    expect(() => checkChain('acme.example', leaf + forged, { names, csr }, now)).toThrow(
      'issuers that did not sign each other',
    );
  });

  test('is written anew, without what stands between its certificates', async () => {
    const issuer = await generateKeyPair('ecdsa');
    const { csr, publicKey } = await request();
    const leaf = await sign({ publicKey, by: issuer });
    const sent = `# a comment\n${leaf}-----BEGIN RSA PRIVATE KEY-----\nAAAA\n`;
    const chain = checkChain('acme.example', sent, { names, csr }, now);
    expect(chain.trim()).toBe(leaf.trim());
  });

  test('that begins within the hour, by a clock that may be slow, is used', async () => {
    const issuer = await generateKeyPair('ecdsa');
    const { csr, publicKey } = await request();
    const leaf = await sign({ publicKey, by: issuer });
    const slow = new Date(now.getTime() - hourMs - 50 * 60_000);
    expect(checkChain('acme.example', leaf, { names, csr }, slow)).toContain('BEGIN');
  });
});

describe('what renewal information is asked by', () => {
  test('is the example of RFC 9773 §4.1', async () => {
    const issuer = await generateKeyPair('ecdsa');
    const chain = await sign({
      publicKey: issuer.publicKey,
      by: issuer,
      issuerKeyId: '69885b6b87464041e1b37b847ba0ae2cde01c8d4',
      serialNumber: '0087654321',
    });
    expect(ariIdOf(chain)).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  });

  test('is empty for a certificate that does not name the key of its issuer', async () => {
    const issuer = await generateKeyPair('ecdsa');
    expect(ariIdOf(await sign({ publicKey: issuer.publicKey, by: issuer }))).toBe('');
  });
});
