import 'reflect-metadata';
import { AuthorityKeyIdentifierExtension, X509Certificate } from '@peculiar/x509';
import { expect, test } from 'vitest';

import { issueAuthority, issueLeaf } from '../issuance.ts';
import { ariIdOf } from './ari-id.ts';

test.each(['ecdsa', 'rsa'] as const)(
  'the name of an %s certificate is what a whole parser reads from it, however its serial number begins',
  async (kind) => {
    const authority = await issueAuthority(['films.example'], new Date());
    const names = Array.from({ length: 30 }, (_, index) => `s${index}.films.example`);
    for (let round = 0; round < 12; round += 1) {
      const { certificate } = await issueLeaf(authority, names.slice(round), new Date(), kind);
      const parsed = new X509Certificate(certificate);
      const issuerKey = parsed.getExtension(AuthorityKeyIdentifierExtension)?.keyId ?? '';
      const [key, serial] = ariIdOf(certificate).split('.');
      expect(Buffer.from(key ?? '', 'base64url').toString('hex')).toBe(issuerKey);
      const digits = Buffer.from(serial ?? '', 'base64url').toString('hex');
      expect(BigInt(`0x${digits}`)).toBe(BigInt(`0x${parsed.serialNumber}`));
      // DER: a positive number never begins with a high bit.
      expect(Number.parseInt(digits.slice(0, 2), 16)).toBeLessThan(0x80);
    }
  },
);
