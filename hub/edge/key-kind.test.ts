import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createSecureContext, type ConnectionOptions } from 'node:tls';

import { beforeAll, describe, expect, it } from 'vitest';

import { deadline, onlineHostname, TestEdge } from '../../test/support/edge.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import type { CertificateSource, KeyKind, ServedCertificate } from '../certificates/store.ts';
import { defaultSwitches } from '../tunnels/server.ts';
import type { ClientHello } from './client-hello.ts';
import { keyKindFor } from './key-kind.ts';

const tls12 = [0x0303];
const tls13 = [0x0304, 0x0303];
const ecdsa = { suite: 0xc02b, scheme: 0x0403 };
const rsa = { suite: 0xc02f, scheme: 0x0804 };

function hello(part: Partial<ClientHello>): ClientHello {
  const usual = { serverName: 'a.example', versions: tls12, cipherSuites: [], protocols: [] };
  return { ...usual, signatureSchemes: undefined, groups: undefined, ...part };
}

const both = hello({
  cipherSuites: [ecdsa.suite, rsa.suite],
  signatureSchemes: [ecdsa.scheme, rsa.scheme],
});

describe('the kind of key', () => {
  it.each(['ecdsa', 'rsa'] as const)('is the owner’s, %s, for whoever can check either', (kind) => {
    expect(keyKindFor(both, kind)).toBe(kind);
    expect(keyKindFor({ ...both, versions: tls13, cipherSuites: [0x1301] }, kind)).toBe(kind);
  });

  it('is ECDSA unless somebody chose', () => {
    expect(keyKindFor(both)).toBe('ecdsa');
  });

  it.each([
    ['no suite with ECDSA', { cipherSuites: [rsa.suite, 0x002f] }],
    ['no curve that our keys have', { groups: [29, 24] }],
    ['no signature with ECDSA', { signatureSchemes: [0x0401, 0x0203] }],
    [
      'no signatures and no suite with ECDSA',
      { cipherSuites: [rsa.suite], signatureSchemes: undefined },
    ],
  ])('is RSA for a TLS 1.2 client with %s', (_what, part) => {
    expect(keyKindFor({ ...both, ...part })).toBe('rsa');
  });

  it('is what the signatures say in TLS 1.3, whatever the suites of TLS 1.2 do', () => {
    const offered = { versions: tls13, cipherSuites: [0x1301, ecdsa.suite] };
    expect(keyKindFor(hello({ ...offered, signatureSchemes: [rsa.scheme] }))).toBe('rsa');
    expect(keyKindFor(hello({ ...offered, signatureSchemes: [ecdsa.scheme] }), 'rsa')).toBe(
      'ecdsa',
    );
  });

  it('is RSA for a TLS 1.3 client that signs with other curves than ours', () => {
    const offered = { versions: tls13, cipherSuites: [0x1301] };
    expect(keyKindFor(hello({ ...offered, signatureSchemes: [0x0503, rsa.scheme] }))).toBe('rsa');
    // Without PSS there is no RSA in TLS 1.3 either: the handshake says so.
    expect(keyKindFor(hello({ ...offered, signatureSchemes: [0x0503, 0x0401] }))).toBe('ecdsa');
  });

  it('stays what was chosen for a client that can check neither: the handshake says so', () => {
    expect(keyKindFor(hello({ cipherSuites: [0x002f] }), 'rsa')).toBe('rsa');
    expect(keyKindFor(hello({ cipherSuites: [0x002f] }))).toBe('ecdsa');
  });
});

describe('at the door', () => {
  const held = new Map<KeyKind, ServedCertificate>();
  const certificates: CertificateSource = { find: (_name, kind = 'ecdsa') => held.get(kind) };
  const rsaOnly = { sigalgs: 'rsa_pss_rsae_sha256:RSA+SHA256' };
  const ecdsaOnly = { sigalgs: 'ECDSA+SHA256' };

  beforeAll(async () => {
    for (const kind of ['ecdsa', 'rsa'] as const) {
      const context = createSecureContext(await selfSigned(onlineHostname, kind));
      const notAfter = new Date(Date.now() + 86_400_000);
      held.set(kind, { context, names: [onlineHostname], notAfter });
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s clients get what they can check',
    async (version) => {
      await using edge = await TestEdge.start({ certificates });
      const only = { maxVersion: version, minVersion: version };
      expect(await served(edge, only)).toBe('ecdsa');
      expect(await served(edge, { ...only, ...rsaOnly })).toBe('rsa');
      edge.switches = { ...defaultSwitches, certificateKey: 'rsa' };
      expect(await served(edge, only)).toBe('rsa');
      expect(await served(edge, { ...only, ...ecdsaOnly })).toBe('ecdsa');
    },
  );

  it('a television with TLS 1.2 and RSA suites alone is served', async () => {
    await using edge = await TestEdge.start({ certificates });
    const old = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } as const;
    expect(await served(edge, old)).toBe('rsa');
  });

  it('a ticket is good for both kinds', async () => {
    await using edge = await TestEdge.start({ certificates });
    const first = edge.connecting(rsaOnly);
    const [session] = (await once(first, 'session', deadline())) as [Buffer];
    expect((await edge.connect({ session })).isSessionReused()).toBe(true);
  });
});

async function served(edge: TestEdge, options: ConnectionOptions): Promise<string> {
  const socket = await edge.connect(options);
  const { asn1Curve } = socket.getPeerCertificate();
  socket.destroy();
  return asn1Curve === undefined ? 'rsa' : 'ecdsa';
}
