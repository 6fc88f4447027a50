// Private keys arrive and leave sealed, so that a copy of the database alone opens none of them; opened again for the one use they were sealed for.

import { Buffer } from 'node:buffer';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { link, mkdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { CertificateError } from '../failure.ts';
import { readPrivateFile, writePrivateFile } from '../local-authority.ts';

export interface KeyRingOptions {
  /** HUB_SECRET_KEY: the first seals, each of them opens. Undefined or empty: a file in the data folder takes its place. */
  readonly secrets: readonly string[] | undefined;
  readonly dataDir: string;
  /** Whether keys are stored that some secret has sealed: a fresh one opens none of them, so none is made. */
  readonly hasSealedKeys?: () => Promise<boolean>;
}

export class KeyRing {
  /** Of keys that none of its secrets has sealed: why, and what to do. */
  readonly foreign: string;
  readonly #keys: readonly [SealingKey, ...SealingKey[]];

  /** @throws CertificateError certificate.exposed | certificate.unreadable | certificate.sealed: the file is missing */
  static async open({ secrets, dataDir, hasSealedKeys }: KeyRingOptions): Promise<KeyRing> {
    const [first, ...others] = secrets ?? [];
    if (first !== undefined) {
      return new KeyRing([sealingKey(first), ...others.map(sealingKey)], foreignToSetting);
    }
    const path = join(dataDir, 'sealing.key');
    const secret = await secretFile(path, hasSealedKeys ?? (async () => false));
    return new KeyRing([sealingKey(secret)], foreignToFile(path));
  }

  private constructor(keys: readonly [SealingKey, ...SealingKey[]], foreign: string) {
    this.#keys = keys;
    this.foreign = foreign;
  }

  /** What is sealed for one `context` opens for no other: a row cannot lend another its key. */
  seal(text: string, context: string): Buffer {
    const [{ id, key }] = this.#keys;
    const head = Buffer.concat([Buffer.from([formatVersion]), id]);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(head, context));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([head, nonce, sealed, cipher.getAuthTag()]);
  }

  /** False: by a former secret, which has to stay set for as long as this is kept as it is. */
  isCurrent(sealed: Buffer): boolean {
    const [{ id }] = this.#keys;
    return id.equals(sealed.subarray(1, headBytes));
  }

  /** @throws CertificateError certificate.sealed: by another secret, for another context, or damaged. */
  open(sealed: Buffer, context: string): string {
    const head = sealed.subarray(0, headBytes);
    if (sealed.length < headBytes + nonceBytes + tagBytes || head[0] !== formatVersion) {
      throw new CertificateError('certificate.sealed', damaged);
    }
    const fitting = this.#keys.find(({ id }) => timingSafeEqual(id, head.subarray(1)));
    if (fitting === undefined) throw new CertificateError('certificate.sealed', this.foreign);
    const nonce = sealed.subarray(headBytes, headBytes + nonceBytes);
    const decipher = createDecipheriv('aes-256-gcm', fitting.key, nonce, {
      authTagLength: tagBytes,
    });
    decipher.setAAD(boundTo(head, context)).setAuthTag(sealed.subarray(-tagBytes));
    try {
      const text = decipher.update(sealed.subarray(headBytes + nonceBytes, -tagBytes));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch (error) {
      throw new CertificateError('certificate.sealed', damaged, { cause: error });
    }
  }
}

interface SealingKey {
  /** Tells which secret sealed something, and nothing about the secret. */
  readonly id: Buffer;
  readonly key: Buffer;
}

const formatVersion = 1;
const idBytes = 4;
const headBytes = 1 + idBytes;
/** NIST SP 800-38D §8.2.2: random nonces of 96 bits are good for 2^32 keys; a hub seals a few thousand a month. */
const nonceBytes = 12;
const tagBytes = 16;

const goneForGood =
  'Nothing is overwritten. If it is gone for good: phlix-hub certificates forget-keys';
const foreignToSetting = `A stored key was sealed with another HUB_SECRET_KEY; set the former one again, after the new one if you are changing it (HUB_SECRET_KEY=new,former). If there was none, it is the text of sealing.key in HUB_DATA_DIR. ${goneForGood}`;
const foreignToFile = (path: string): string =>
  `A stored key was sealed with another secret than that of ${path}; restore it from a backup, or set HUB_SECRET_KEY again if there was one. ${goneForGood}`;
const missing = (path: string): string =>
  `${path} is missing, and without it the stored keys stay closed; restore it from a backup, or set HUB_SECRET_KEY again if there was one. ${goneForGood}`;
const damaged =
  'A stored key cannot be opened: its row is damaged or was copied from another one; restore the database from a backup.';

function sealingKey(secret: string): SealingKey {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'phlix-hub sealing of keys', 32));
  const id = createHash('sha256').update('id of a sealing key').update(key).digest();
  return { key, id: id.subarray(0, idBytes) };
}

function boundTo(head: Buffer, context: string): Buffer {
  return Buffer.concat([head, Buffer.from(context, 'utf8')]);
}

/** Made once. It appears complete or not at all: of two first starts, one makes it and both read it. */
async function secretFile(path: string, hasSealedKeys: () => Promise<boolean>): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    if (await hasSealedKeys()) throw new CertificateError('certificate.sealed', missing(path));
    await makeSecretFile(path);
  }
  const secret = (await readPrivateFile(path)).trim();
  if (/^[\w-]{43}$/.test(secret)) return secret;
  throw new CertificateError(
    'certificate.unreadable',
    `${path} does not hold the hub's secret any more; restore it from a backup: without it the stored keys stay closed.`,
  );
}

async function makeSecretFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writePrivateFile(draft, `${randomBytes(32).toString('base64url')}\n`);
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
}
