// Names and a clock arrive; certificates of the local authority leave, as PEM. Pure but for randomness; no file is touched here.

// @peculiar/x509 resolves its parts through decorators and expects its importer to bring the polyfill.
import 'reflect-metadata';
import { createPrivateKey } from 'node:crypto';

import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

import { generateKeyPair, keyAlgorithms, privateKeyPem } from './key-pair.ts';
import type { KeyKind } from './store.ts';

export interface IssuedPair {
  readonly certificate: string;
  readonly key: string;
}

const dayMs = 86_400_000;

/** Trusting the authority is a manual step on every device, so it outlives them. */
const authorityLifeMs = 3650 * dayMs;

/** Under the 397 days that browsers accept of any authority; short, because renewal needs nobody. */
const leafLifeMs = 90 * dayMs;

/** A television whose clock is a little slow must not refuse a certificate made this minute. */
const clockSkewMs = 3_600_000;

/**
 * An authority that can vouch for `domains` and what lies under them, and for nothing else: who trusts it to watch films
 * does not let whoever steals its key read their bank's pages.
 */
export async function issueAuthority(domains: readonly string[], now: Date): Promise<IssuedPair> {
  const keys = await generateKeyPair('ecdsa');
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`Phlix Hub local CA (${domains[0] ?? ''})`] }],
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter: new Date(now.getTime() + authorityLifeMs),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      new Extension(nameConstraintsOid, true, nameConstraints(domains)),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await privateKeyPem(keys) };
}

/** A server certificate for `names`, signed by the authority; its chain ends with the authority, whose key agents have pinned. */
export async function issueLeaf(
  authority: IssuedPair,
  names: readonly string[],
  now: Date,
  kind: KeyKind = 'ecdsa',
): Promise<IssuedPair> {
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = createPrivateKey(authority.key).toCryptoKey(keyAlgorithms.ecdsa, false, [
    'sign',
  ]);
  const keys = await generateKeyPair(kind);
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [names[0] ?? ''] }],
    issuer: issuer.subjectName,
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter: new Date(Math.min(now.getTime() + leafLifeMs, issuer.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(keyUsages[kind], true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  const chain = `${certificate.toString('pem')}\n${issuer.toString('pem')}\n`;
  return { certificate: chain, key: await privateKeyPem(keys) };
}

/** The domains that an authority of ours may vouch for; undefined if it was not made here. */
export function constrainedDomains(certificate: string): string[] | undefined {
  const extension = new X509Certificate(certificate).getExtension(nameConstraintsOid);
  if (extension === null) return undefined;
  const der = Buffer.from(extension.value);
  const domains: string[] = [];
  // Past the headers of the outer sequence and of the permitted subtrees, each entry is 30 len 82 len name.
  let at = headerBytes(der, 0);
  const end = at + headerBytes(der, at) + lengthAt(der, at);
  at += headerBytes(der, at);
  while (at < end) {
    const start = at + 4;
    const length = der[at + 3] ?? 0;
    domains.push(der.toString('latin1', start, start + length));
    at = start + length;
  }
  const isOurs = nameConstraints(domains).equals(der);
  return isOurs ? domains : undefined;
}

/** Key exchange by RSA is not offered, but old clients refuse a certificate that does not allow it. */
const keyUsages: Record<KeyKind, KeyUsageFlags> = {
  ecdsa: KeyUsageFlags.digitalSignature,
  rsa: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
};
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const nameConstraintsOid = '2.5.29.30';

/**
 * DER of NameConstraints (RFC 5280 §4.2.1.10), which the library does not write: only these DNS subtrees, and no address
 * at all (a constraint on DNS names says nothing about iPAddress).
 */
function nameConstraints(domains: readonly string[]): Buffer {
  const permitted = domains.map((domain) => der(0x30, der(0x82, Buffer.from(domain, 'latin1'))));
  const excluded = [8, 32].map((length) => der(0x30, der(0x87, Buffer.alloc(length))));
  return der(0x30, der(0xa0, ...permitted), der(0xa1, ...excluded));
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function headerBytes(der: Buffer, at: number): number {
  return (der[at + 1] ?? 0) < 0x80 ? 2 : 4;
}

function lengthAt(der: Buffer, at: number): number {
  return headerBytes(der, at) === 2 ? (der[at + 1] ?? 0) : der.readUInt16BE(at + 2);
}
