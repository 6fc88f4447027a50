// Names arrive; whether what is stamped for them is a certificate.

import { createPrivateKey, X509Certificate } from 'node:crypto';

import { expect, test } from 'vitest';

import { Mint, stampedName } from './mint.ts';

test('what is stamped is a certificate for its own name, signed by the authority that follows', async () => {
  const mint = await Mint.open();
  for (const index of [1, 99_999]) {
    const { certificate, key, keyIndex } = mint.stamp(stampedName(index));
    const [leaf, issuer] = certificate
      .split(/(?<=-----END CERTIFICATE-----)/)
      .slice(0, 2)
      .map((text) => new X509Certificate(text));
    expect(leaf?.subjectAltName).toBe(`DNS:${stampedName(index)}`);
    expect(issuer && leaf?.verify(issuer.publicKey)).toBe(true);
    expect(leaf?.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(mint.keys[keyIndex]).toBe(key);
  }
});
