// A code that somebody keeps or was sent arrives; its HMAC leaves, under a key that a copy of the database does not open.

import { Buffer } from 'node:buffer';
import { createHmac, randomBytes } from 'node:crypto';

import type { Sealing } from './sealing.ts';

/** Secrets of the hub as a whole, sealed: made once, the same for every process. */
export interface SealedSecretStore {
  find(name: string): Promise<Buffer | undefined>;
  /** What is stored in the end: somebody else's, if that was first. */
  insert(name: string, sealed: Buffer): Promise<Buffer>;
  /** Compare-and-set: nothing happens where it is another one by now. */
  replace(name: string, former: Buffer, sealed: Buffer): Promise<void>;
}

export interface PepperOptions {
  readonly store: SealedSecretStore;
  readonly sealing: Sealing;
}

/**
 * Random and sealed rather than derived from HUB_SECRET_KEY: when that is replaced, codes that people have printed go on,
 * and only this one secret is sealed anew.
 */
export class Pepper {
  readonly #options: PepperOptions;
  #key: Promise<Buffer> | undefined;

  constructor(options: PepperOptions) {
    this.#options = options;
  }

  /**
   * At the start, so that a secret that was replaced without its former is heard of before anybody stands at the door. One that
   * opens by a former secret is sealed anew.
   * @throws CodedError certificate.sealed
   */
  async verify(): Promise<void> {
    const { store, sealing } = this.#options;
    const sealed = await store.find(pepperName);
    if (sealed === undefined) return;
    const context = sealedSecretContext(pepperName);
    const text = sealing.open(sealed, context);
    if (sealing.isCurrent(sealed)) return;
    await store.replace(pepperName, sealed, sealing.seal(text, context));
  }

  /** @throws CodedError where the key cannot be opened; asked again the next time. */
  async mac(text: string): Promise<Buffer> {
    this.#key ??= this.#open();
    try {
      return createHmac('sha256', await this.#key)
        .update(text)
        .digest();
    } catch (error) {
      this.#key = undefined;
      throw error;
    }
  }

  async #open(): Promise<Buffer> {
    const { store, sealing } = this.#options;
    const sealed = (await store.find(pepperName)) ?? (await this.#make());
    return Buffer.from(sealing.open(sealed, sealedSecretContext(pepperName)), 'base64url');
  }

  async #make(): Promise<Buffer> {
    const { store, sealing } = this.#options;
    const key = randomBytes(32).toString('base64url');
    return store.insert(pepperName, sealing.seal(key, sealedSecretContext(pepperName)));
  }
}

const pepperName = 'pepper of codes';

export function sealedSecretContext(name: string): string {
  return `secret/${name}/v1`;
}
