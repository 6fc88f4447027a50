// Names, dates and keys arrive; X.509 certificates leave, small and real, made in a tenth of the time that a library takes.

import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

export interface LightAuthority {
  readonly key: KeyObject;
  readonly keyId: Buffer;
  readonly name: Buffer;
  /** PEM. */
  readonly certificate: string;
}

export interface LightLeaf {
  readonly names: readonly string[];
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serial: number;
}

export function createLightAuthority(commonName: string, now: Date): LightAuthority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const keyId = createHash('sha1').update(spki).digest();
  const name = sequence(set(sequence(commonNameOid, der(utf8String, Buffer.from(commonName)))));
  const isAuthority = sequence(basicConstraintsOid, octets(sequence(Buffer.from([1, 1, 0xff]))));
  const extensions = [isAuthority, sequence(subjectKeyOid, octets(octets(keyId)))];
  const validity = validityOf(new Date(now.getTime() - 1000), new Date('2049-12-31T00:00:00Z'));
  const certificate = signed(privateKey, [
    version3,
    integer(1),
    ecdsaSha256,
    name,
    validity,
    name,
    spki,
    extensionsOf(extensions),
  ]);
  return { key: privateKey, keyId, name, certificate };
}

/** PEM of the leaf. */
export function signLightLeaf(authority: LightAuthority, leaf: LightLeaf): string {
  const names = leaf.names.map((name) => der(dnsName, Buffer.from(name, 'latin1')));
  const extensions = [
    sequence(alternativeNameOid, octets(sequence(...names))),
    sequence(authorityKeyOid, octets(sequence(der(keyIdentifier, authority.keyId)))),
  ];
  return signed(authority.key, [
    version3,
    integer(leaf.serial),
    ecdsaSha256,
    authority.name,
    validityOf(leaf.notBefore, leaf.notAfter),
    sequence(),
    Buffer.from(leaf.publicKey),
    extensionsOf(extensions),
  ]);
}

const utf8String = 0x0c;
const dnsName = 0x82;
const keyIdentifier = 0x80;

const oid = (hex: string): Buffer => der(6, Buffer.from(hex, 'hex'));
const commonNameOid = oid('550403');
const basicConstraintsOid = oid('551d13');
const subjectKeyOid = oid('551d0e');
const authorityKeyOid = oid('551d23');
const alternativeNameOid = oid('551d11');
const ecdsaSha256 = sequence(oid('2a8648ce3d040302'));
const version3 = der(0xa0, integer(2));

function signed(key: KeyObject, parts: readonly Buffer[]): string {
  const body = sequence(...parts);
  const signature = der(3, Buffer.concat([Buffer.from([0]), sign('sha256', body, key)]));
  const base64 = sequence(body, ecdsaSha256, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : longHead(tag, length);
  return Buffer.concat([Buffer.from(head), content]);
}

function longHead(tag: number, length: number): number[] {
  return [tag, 0x82, length >> 8, length & 0xff];
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function set(...parts: readonly Buffer[]): Buffer {
  return der(0x31, Buffer.concat(parts));
}

function octets(content: Buffer): Buffer {
  return der(4, content);
}

function integer(value: number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const isNegative = (bytes[0] ?? 0) > 127;
  return der(2, isNegative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function extensionsOf(extensions: readonly Buffer[]): Buffer {
  return der(0xa3, sequence(...extensions));
}

function validityOf(notBefore: Date, notAfter: Date): Buffer {
  return sequence(utcTime(notBefore), utcTime(notAfter));
}

/** Good until 2049 (RFC 5280 §4.1.2.5.1). */
function utcTime(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`, 'latin1'));
}
