// What a browser would ask of a security key arrives; what the key answers leaves (WebAuthn Level 3 §6), also where it lies.

import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

import { relyingParty } from './factors.ts';

/** What an attacker, or a broken key, does differently. */
export interface Twist {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly isUserVerified?: boolean;
  readonly isBackupEligible?: boolean;
  readonly counter?: number;
  readonly userHandle?: string | null;
  readonly type?: string;
  readonly signsWith?: KeyObject;
}

export class Authenticator {
  readonly credentialId = randomBytes(32);
  readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** Of the account, as it was told at registration. */
  userHandle = '';
  counter = 0;
  readonly #counts: boolean;

  /** `counts: false`: says 0 for ever, as passkeys of phones do. */
  constructor({ counts = true }: { readonly counts?: boolean } = {}) {
    this.#counts = counts;
  }

  get id(): string {
    return this.credentialId.toString('base64url');
  }

  register(offer: object, twist: Twist = {}): Record<string, unknown> {
    const { challenge, user } = offer as { challenge: string; user: { id: string } };
    this.userHandle = user.id;
    const authData = Buffer.concat([
      this.#authenticatorData(attestedData, twist),
      Buffer.alloc(16),
      Buffer.from([0, this.credentialId.length]),
      this.credentialId,
      coseKey(this.keys.publicKey),
    ]);
    const attestationObject = cborMap([
      ['fmt', cborText('none')],
      ['attStmt', cborMap([])],
      ['authData', cborBytes(authData)],
    ]);
    const clientDataJSON = clientData('webauthn.create', challenge, twist);
    return this.#credential({
      clientDataJSON: clientDataJSON.toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['usb', 'made-up', 7],
    });
  }

  answer(question: object, twist: Twist = {}): Record<string, unknown> {
    const { challenge } = question as { challenge: string };
    if (this.#counts) this.counter += 1;
    const authData = this.#authenticatorData(0, twist);
    const clientDataJSON = clientData('webauthn.get', challenge, twist);
    const hash = createHash('sha256').update(clientDataJSON).digest();
    const key = twist.signsWith ?? this.keys.privateKey;
    const signature = sign('sha256', Buffer.concat([authData, hash]), key);
    const userHandle = twist.userHandle === undefined ? this.userHandle : twist.userHandle;
    return this.#credential({
      clientDataJSON: clientDataJSON.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle,
    });
  }

  #credential(response: object): Record<string, unknown> {
    const { id } = this;
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }

  #authenticatorData(more: number, twist: Twist): Buffer {
    const rpIdHash = createHash('sha256')
      .update(twist.rpId ?? relyingParty.id)
      .digest();
    const verified = (twist.isUserVerified ?? true) ? userVerified : 0;
    const eligible = twist.isBackupEligible === true ? backupEligible : 0;
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(twist.counter ?? this.counter);
    return Buffer.concat([
      rpIdHash,
      Buffer.from([userPresent | verified | eligible | more]),
      counter,
    ]);
  }
}

/** §6.1: the flags of authenticator data. */
const userPresent = 0x01;
const userVerified = 0x04;
const backupEligible = 0x08;
const attestedData = 0x40;

function clientData(type: string, challenge: string, twist: Twist): Buffer {
  return Buffer.from(
    JSON.stringify({
      type: twist.type ?? type,
      challenge: twist.challenge ?? challenge,
      origin: twist.origin ?? relyingParty.origin,
      crossOrigin: false,
    }),
  );
}

/** RFC 9053 §2.1: ES256 on P-256. */
function coseKey(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([
    Buffer.from('a5010203262001', 'hex'),
    Buffer.from('21', 'hex'),
    cborBytes(Buffer.from(x, 'base64url')),
    Buffer.from('22', 'hex'),
    cborBytes(Buffer.from(y, 'base64url')),
  ]);
}

/** RFC 8949 §3: lengths below 24 in the first byte, then one byte, then two. */
function cborHead(major: number, length: number): Buffer {
  const type = major << 5;
  if (length < 24) return Buffer.from([type | length]);
  if (length < 256) return Buffer.from([type | 24, length]);
  return Buffer.from([type | 25, length >> 8, length & 0xff]);
}

function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([cborHead(2, bytes.length), bytes]);
}

function cborText(text: string): Buffer {
  return Buffer.concat([cborHead(3, text.length), Buffer.from(text)]);
}

function cborMap(entries: readonly (readonly [string, Buffer])[]): Buffer {
  const pairs = entries.map(([name, value]) => Buffer.concat([cborText(name), value]));
  return Buffer.concat([cborHead(5, entries.length), ...pairs]);
}
