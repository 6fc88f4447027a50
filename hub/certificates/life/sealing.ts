// Private keys and people's secrets arrive and leave sealed, so that a copy of the database alone opens none of them; opened again for the one use they were sealed for.

import { Buffer } from 'node:buffer';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
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
  /** Its file was made just now. */
  readonly isNew: boolean;
  /** Where its secrets are kept; undefined: in HUB_SECRET_KEY. */
  readonly #file: string | undefined;
  #keys: SealingKeys;
  #stamp: string | undefined;

  /** @throws CertificateError certificate.exposed | certificate.unreadable | certificate.sealed: the file is missing */
  static async open({ secrets, dataDir, hasSealedKeys }: KeyRingOptions): Promise<KeyRing> {
    const [first, ...others] = secrets ?? [];
    if (first !== undefined) {
      const keys: SealingKeys = [sealingKey(first), ...others.map(sealingKey)];
      return new KeyRing(keys, foreignToSetting, undefined);
    }
    const path = join(dataDir, 'sealing.key');
    // Before it is read: whoever replaces it meanwhile is seen the next time.
    const stamp = stampOf(path);
    const { keys, isNew } = await secretFile(path, hasSealedKeys ?? (async () => false));
    return new KeyRing(keys, foreignToFile(path), { path, stamp, isNew });
  }

  private constructor(
    keys: SealingKeys,
    foreign: string,
    file: { path: string; stamp: string | undefined; isNew: boolean } | undefined,
  ) {
    this.#keys = keys;
    this.foreign = foreign;
    this.#file = file?.path;
    this.#stamp = file?.stamp;
    this.isNew = file?.isNew === true;
  }

  /** Which of its secrets has sealed it: 0 the one that seals now. Undefined: none of them. */
  generationOf(sealed: Buffer): number | undefined {
    const index = this.#keys.findIndex(({ id }) => id.equals(sealed.subarray(1, headBytes)));
    return index < 0 ? undefined : index;
  }

  /** What is sealed for one `context` opens for no other: a row cannot lend another its key. */
  seal(text: string, context: string): Buffer {
    this.#readAgain();
    const [{ id, key }] = this.#keys;
    const head = Buffer.concat([Buffer.from([formatVersion]), id]);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(head, context));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([head, nonce, sealed, cipher.getAuthTag()]);
  }

  /** False: by a former secret, which has to stay set for as long as this is kept as it is. */
  isCurrent(sealed: Buffer): boolean {
    return this.generationOf(sealed) === 0;
  }

  /** @throws CertificateError certificate.sealed: by another secret, for another context, or damaged. */
  open(sealed: Buffer, context: string): string {
    const head = sealed.subarray(0, headBytes);
    if (sealed.length < headBytes + nonceBytes + tagBytes || head[0] !== formatVersion) {
      throw new CertificateError('certificate.sealed', damaged);
    }
    const fitting = this.#find(head) ?? (this.#readAgain() ? this.#find(head) : undefined);
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

  /**
   * A new secret in front of those of the file, of which the first `kept` stay: all that still open something have to.
   * False, and nothing done: they are in HUB_SECRET_KEY, where only a person puts another one.
   * @throws CertificateError as `open`, and what the file system throws
   */
  async renew(kept: number): Promise<boolean> {
    if (this.#file === undefined) return false;
    const former = (await readPrivateFile(this.#file)).trim().split(',').slice(0, kept);
    const draft = `${this.#file}.${randomBytes(6).toString('hex')}`;
    await writePrivateFile(draft, `${[newSecret(), ...former].join(',')}\n`);
    await rename(draft, this.#file);
    // Before anything is sealed with it: a power cut must not bring the former file back.
    const folder = await open(dirname(this.#file));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return this.#readAgain();
  }

  #find(head: Buffer): SealingKey | undefined {
    return this.#keys.find(({ id }) => timingSafeEqual(id, head.subarray(1)));
  }

  /**
   * The file gets another secret in front while hubs run (phlix-hub keys rotate): each seals with it from then on, and opens
   * what it finds sealed with it. A file that is gone or damaged meanwhile is heard of at the next start; what was read holds.
   */
  #readAgain(): boolean {
    if (this.#file === undefined) return false;
    const stamp = stampOf(this.#file);
    if (stamp === undefined || stamp === this.#stamp) return false;
    try {
      const keys = parseSecrets(readFileSync(this.#file, 'utf8'));
      if (keys === undefined) return false;
      this.#keys = keys;
      this.#stamp = stamp;
      return true;
    } catch {
      return false;
    }
  }
}

type SealingKeys = readonly [SealingKey, ...SealingKey[]];

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
async function secretFile(
  path: string,
  hasSealedKeys: () => Promise<boolean>,
): Promise<{ keys: SealingKeys; isNew: boolean }> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere && (await hasSealedKeys()))
    throw new CertificateError('certificate.sealed', missing(path));
  const isNew = !isThere && (await makeSecretFile(path));
  const keys = parseSecrets(await readPrivateFile(path));
  if (keys !== undefined) return { keys, isNew };
  throw new CertificateError(
    'certificate.unreadable',
    `${path} does not hold the hub's secret any more; restore it from a backup: without it the stored keys stay closed.`,
  );
}

/** False: another start was first. */
async function makeSecretFile(path: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writePrivateFile(draft, `${newSecret()}\n`);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await unlink(draft);
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** As HUB_SECRET_KEY is written: the first seals. */
function parseSecrets(text: string): SealingKeys | undefined {
  const [first, ...others] = text.trim().split(',');
  if (first === undefined || ![first, ...others].every((secret) => /^[\w-]{43}$/.test(secret))) {
    return undefined;
  }
  return [sealingKey(first), ...others.map(sealingKey)];
}

/** Which file it is, and when it was written: a new one is put in its place, never written into. */
function stampOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.ino} ${found.mtimeMs}`;
}
