// Names arrive; certificates of one authority leave, thousands in a second: copies of a few that were really made, each signed anew for its own name.

import { Buffer } from 'node:buffer';
import { createPrivateKey, sign, X509Certificate, type KeyObject } from 'node:crypto';

import { issueAuthority, issueLeaf, type IssuedPair } from '../../hub/certificates/issuance.ts';
import type { KeyKind } from '../../hub/certificates/store.ts';

/** Key pairs cost more than certificates; who serves them does not see that some are shared. */
const templateCount = 4;

/** All names that are stamped are as long as this one: the lengths around them stay true. */
const placeholder = 'tls-00000.phlix.localhost';
const domains = ['hub.localhost', 'phlix.localhost'];

export function stampedName(index: number): string {
  return `tls-${String(index).padStart(5, '0')}.phlix.localhost`;
}

export interface MintedPair extends IssuedPair {
  /** Of the pairs that share a key. */
  readonly keyIndex: number;
}

export class Mint {
  readonly #authority: IssuedPair;
  readonly #authorityKey: KeyObject;
  readonly #templates: readonly IssuedPair[];
  #made = 0;

  static async open(): Promise<Mint> {
    const authority = await issueAuthority(domains, new Date());
    const templates: IssuedPair[] = [];
    while (templates.length < templateCount) {
      templates.push(await issueLeaf(authority, [placeholder], new Date()));
    }
    return new Mint(authority, templates);
  }

  private constructor(authority: IssuedPair, templates: readonly IssuedPair[]) {
    this.#authority = authority;
    this.#authorityKey = createPrivateKey(authority.key);
    this.#templates = templates;
  }

  /** The keys of those that are stamped, by their index. */
  get keys(): readonly string[] {
    return this.#templates.map(({ key }) => key);
  }

  async issue(names: readonly string[], kind: KeyKind = 'ecdsa'): Promise<IssuedPair> {
    const [name] = names;
    const isStamped = names.length === 1 && name?.length === placeholder.length;
    if (!isStamped || kind === 'rsa') return issueLeaf(this.#authority, names, new Date(), kind);
    return this.stamp(name);
  }

  stamp(name: string): MintedPair {
    const keyIndex = this.#made++ % this.#templates.length;
    const { certificate, key } = this.#templates[keyIndex] ?? this.#authority;
    const der = stamped(new X509Certificate(certificate).raw, name, this.#authorityKey);
    const chain = `${pem(der)}${this.#authority.certificate}`;
    return { certificate: chain, key, keyIndex };
  }
}

/** RFC 5280 §4.1: what is signed, how, and the signature. */
function stamped(template: Buffer, name: string, key: KeyObject): Buffer {
  const signedEnd = elementEnd(template, headBytes(template, 0));
  const algorithmEnd = elementEnd(template, signedEnd);
  const signed = Buffer.from(
    template
      .subarray(headBytes(template, 0), signedEnd)
      .toString('latin1')
      .replaceAll(placeholder, name),
    'latin1',
  );
  const signature = sign('sha256', signed, key);
  const bits = element(0x03, Buffer.concat([Buffer.from([0]), signature]));
  return element(0x30, Buffer.concat([signed, template.subarray(signedEnd, algorithmEnd), bits]));
}

function headBytes(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function elementEnd(der: Buffer, at: number): number {
  const head = headBytes(der, at);
  const length = head === 2 ? (der[at + 1] ?? 0) : der.readUIntBE(at + 2, head - 2);
  return at + head + length;
}

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const head = Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
  return Buffer.concat([head, content]);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
