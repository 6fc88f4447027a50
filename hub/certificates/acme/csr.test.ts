import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';

import forge from 'node-forge';
import { describe, expect, test } from 'vitest';

import { hasParts, partPath } from '../../../test/support/parts.ts';
import type { KeyKind } from '../store.ts';
import { createKeyAndCsr } from './csr.ts';

const names = ['films.example', '*.films.example', `${'long-'.repeat(12)}a.films.example`];
const kinds: KeyKind[] = ['ecdsa', 'rsa'];

describe.skipIf(!hasParts('openssl')).each(kinds)(
  'a request for an %s key, as OpenSSL sees it',
  (kind) => {
    test('asks for all its names, has no subject, and signs itself', async () => {
      const { csr } = await createKeyAndCsr(names, kind);
      const text = openssl(csr, '-text', '-verify');
      const asked = [...text.matchAll(/DNS:([^\s,]+)/g)].map(([, name]) => name);
      expect(asked).toEqual(names);
      expect(text).toMatch(/Subject:\s*$/m);
    });

    test('carries the public half of the key that comes with it', async () => {
      const { key, csr } = await createKeyAndCsr(names, kind);
      const inRequest = openssl(csr, '-pubkey');
      const ofKey = createPublicKey(createPrivateKey(key)).export({ format: 'pem', type: 'spki' });
      expect(inRequest.trim()).toBe(ofKey.toString().trim());
      expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    });

    test('has a key that no other request has', async () => {
      const [one, other] = [await createKeyAndCsr(names, kind), await createKeyAndCsr(names, kind)];
      expect(one.key).not.toBe(other.key);
    });
  },
);

test('an RSA request says the same to a second parser', async () => {
  const { csr } = await createKeyAndCsr(names, 'rsa');
  const der = forge.util.createBuffer(Buffer.from(csr).toString('binary'));
  const request = forge.pki.certificationRequestFromAsn1(forge.asn1.fromDer(der));
  expect(request.verify()).toBe(true);
  expect(request.subject.attributes).toEqual([]);
  const [extensions] = request.getAttribute({ name: 'extensionRequest' })?.extensions ?? [];
  const altNames = (extensions as { altNames?: { value: string }[] } | undefined)?.altNames;
  expect(altNames?.map(({ value }) => value)).toEqual(names);
});

function openssl(csr: Uint8Array, ...args: string[]): string {
  const command = ['req', '-inform', 'DER', '-noout', ...args];
  return execFileSync(partPath('openssl'), command, { input: csr, stdio: 'pipe' }).toString();
}
