import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';

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

function openssl(csr: Uint8Array, ...args: string[]): string {
  const command = ['req', '-inform', 'DER', '-noout', ...args];
  return execFileSync(partPath('openssl'), command, { input: csr, stdio: 'pipe' }).toString();
}
