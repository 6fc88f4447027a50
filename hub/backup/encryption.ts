// Plain bytes and whom they are for arrive; they leave encrypted in the age format (age-encryption.org/v1), and back.

import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { ReadableStream } from 'node:stream/web';
import { promisify } from 'node:util';

import {
  Decrypter,
  Encrypter,
  generateX25519Identity,
  identityToRecipient,
  Stanza,
  type Identity,
  type Recipient,
} from 'age-encryption';

import { BackupError, damaged } from './backup-error.ts';

/** Whom a backup is encrypted for. `plain`: nobody, as somebody insisted. */
export type Lock =
  | { readonly kind: 'recipients'; readonly recipients: readonly string[] }
  | { readonly kind: 'passphrase'; readonly passphrase: string }
  | { readonly kind: 'plain' };

/** What may open one; all are tried. */
export interface Keys {
  readonly identities: readonly string[];
  readonly passphrases: readonly string[];
  /** A file that is not encrypted is read too: anybody may have written it. */
  readonly readsPlain?: boolean;
}

type Bytes = AsyncIterable<Uint8Array>;

/** @throws BackupError backup.no-key: a recipient is none */
export async function encrypted(plain: Bytes, lock: Lock): Promise<Bytes> {
  if (lock.kind === 'plain') return plain;
  const encrypter = new Encrypter();
  if (lock.kind === 'passphrase') encrypter.addRecipient(passphraseRecipient(lock.passphrase));
  else for (const recipient of lock.recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(ReadableStream.from(plain));
}

/** @throws BackupError backup.no-key | backup.wrong-key | backup.damaged; what is read from it throws backup.damaged too */
export async function decrypted(sealed: Bytes, keys: Keys): Promise<Bytes> {
  if (keys.identities.length + keys.passphrases.length === 0)
    throw new BackupError(
      'backup.no-key',
      'This backup is encrypted: give its key with --identity-file, or its passphrase with --passphrase-file or HUB_BACKUP_PASSPHRASE.',
    );
  const decrypter = new Decrypter();
  for (const identity of keys.identities) decrypter.addIdentity(identity);
  for (const passphrase of keys.passphrases) decrypter.addIdentity(passphraseIdentity(passphrase));
  try {
    return intact(await decrypter.decrypt(ReadableStream.from(sealed)));
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(
      'backup.wrong-key',
      'This backup does not open with what was given: use the key or the passphrase that it was made with. If that was it, the file is damaged: take another one.',
      { cause: error },
    );
  }
}

/** A new key of one's own: the identity opens, the recipient is for whoever makes backups. */
export async function newIdentity(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export async function recipientOf(identity: string): Promise<string> {
  return identityToRecipient(identity);
}

/** Lines of a file as age-keygen writes it: comments, empty lines and secret keys. Undefined: something else is in it. */
export function parseIdentities(text: string): string[] | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.length > 0 && lines.every(isIdentity) ? lines : undefined;
}

function isIdentity(text: string): boolean {
  try {
    new Decrypter().addIdentity(text);
    return true;
  } catch {
    return false;
  }
}

async function* intact(plain: Bytes): AsyncGenerator<Uint8Array> {
  try {
    yield* plain;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    const what = 'its bytes were changed, or its end is missing';
    throw new BackupError('backup.damaged', damaged(what), { cause: error });
  }
}

/**
 * The library's own takes a second of the one thread that carries everybody's films, and 256 MiB. Passphrases here have 16
 * characters or more, so a quarter of the work is plenty, and it is done elsewhere.
 */
const workFactor = 16;
/** Of files that others made; 2^20 takes 1 GiB. */
const maxWorkFactor = 20;
const label = 'age-encryption.org/v1/scrypt';
const noNonce = Buffer.alloc(12);
const tagBytes = 16;

function passphraseRecipient(passphrase: string): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomBytes(16);
      const key = await stretched(passphrase, salt, workFactor);
      const cipher = createCipheriv('chacha20-poly1305', key, noNonce, { authTagLength: tagBytes });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [new Stanza(['scrypt', unpadded(salt), String(workFactor)], body)];
    },
  };
}

function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const [stanza, ...others] = stanzas;
      const [kind, salt = '', factor = ''] = stanza?.args ?? [];
      // A passphrase stands alone in a header, or somebody mixed two files.
      if (stanza === undefined || kind !== 'scrypt' || others.length > 0) return null;
      if (!/^[1-9]\d?$/.test(factor) || Number(factor) > maxWorkFactor) return null;
      const key = await stretched(passphrase, Buffer.from(salt, 'base64'), Number(factor));
      return opened(Buffer.from(stanza.body), key);
    },
  };
}

function opened(body: Buffer, key: Buffer): Uint8Array | null {
  if (body.length !== 16 + tagBytes) return null;
  const decipher = createDecipheriv('chacha20-poly1305', key, noNonce, { authTagLength: tagBytes });
  decipher.setAuthTag(body.subarray(16));
  try {
    return Buffer.concat([decipher.update(body.subarray(0, 16)), decipher.final()]);
  } catch {
    return null;
  }
}

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

async function stretched(passphrase: string, salt: Buffer, factor: number): Promise<Buffer> {
  const N = 2 ** factor;
  const options = { N, r: 8, p: 1, maxmem: 256 * 8 * N };
  return scryptAsync(passphrase, Buffer.concat([Buffer.from(label), salt]), 32, options);
}

/** RFC 4648 §3.2, as age writes it. */
function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
