// A certificate that was just issued arrives; the name leaves by which an authority is asked about its renewal (RFC 9773 §4.1).

import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';

/**
 * The issuer's key identifier and the serial number, as they stand in the first certificate of the chain. Empty: it does not
 * name its issuer's key, so nothing can be asked about it. Read by hand: OpenSSL, which has seen to the form, tells neither
 * of the two as it was written, and a general parser takes twenty times as long.
 */
export function ariIdOf(chain: string): string {
  const [certificate] = elementsOf(new X509Certificate(chain).raw);
  const [body] = elementsOf(certificate?.content);
  const parts = elementsOf(body?.content);
  const serial = parts.find(({ tag }) => tag === integerTag)?.content;
  const [extensions] = elementsOf(parts.find(({ tag }) => tag === extensionsTag)?.content);
  for (const extension of elementsOf(extensions?.content)) {
    const fields = elementsOf(extension.content);
    if (fields[0]?.content.equals(authorityKeyOid) !== true) continue;
    const [identifier] = elementsOf(fields.at(-1)?.content);
    const issuerKey = elementsOf(identifier?.content).find(({ tag }) => tag === keyIdentifierTag);
    if (issuerKey === undefined || serial === undefined) return '';
    return `${issuerKey.content.toString('base64url')}.${serial.toString('base64url')}`;
  }
  return '';
}

/** DER (X.690): a tag, a length, and that many bytes, which may be elements themselves. */
interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const integerTag = 0x02;
/** RFC 5280 §4.1: `[3]` of the body, and `[0]` of the extension. */
const extensionsTag = 0xa3;
const keyIdentifierTag = 0x80;
/** 2.5.29.35. */
const authorityKeyOid = Buffer.from([0x55, 0x1d, 0x23]);

function elementsOf(bytes: Buffer | undefined): Element[] {
  const elements: Element[] = [];
  let rest = bytes ?? Buffer.alloc(0);
  while (rest.length >= 2) {
    const [tag = 0, short = 0] = rest;
    // Beyond 127 the low bits say how many bytes the length takes.
    const lengthBytes = short < 0x80 ? 0 : short - 0x80;
    if (lengthBytes > 4 || rest.length < 2 + lengthBytes) break;
    const length = lengthBytes === 0 ? short : rest.readUIntBE(2, lengthBytes);
    const start = 2 + lengthBytes;
    elements.push({ tag, content: rest.subarray(start, start + length) });
    rest = rest.subarray(start + length);
  }
  return elements;
}
