// A challenge arrives; any process of the hub can show the certificate of RFC 8737 for its name, until it is removed.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

// @peculiar/x509 resolves its parts through decorators and expects its importer to bring the polyfill.
import 'reflect-metadata';
import {
  Extension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

import { generateKeyPair, privateKeyPem } from '../key-pair.ts';
import type { Challenge, ChallengeStore, Solver } from './solver.ts';
import { StandingProofs } from './standing-proofs.ts';

export interface ProofCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

export interface TlsAlpnSolverOptions {
  readonly store: ChallengeStore;
  readonly now?: (() => Date) | undefined;
  /** So long may another order's proof for the same name stand in the way. */
  readonly turnMs?: number | undefined;
}

export class TlsAlpnSolver implements Solver {
  readonly kind = 'tls-alpn-01';
  readonly #store: ChallengeStore;
  readonly #proofs: StandingProofs;
  readonly #turnMs: number;

  constructor({ store, now, turnMs }: TlsAlpnSolverOptions) {
    this.#store = store;
    this.#proofs = new StandingProofs(store, now);
    this.#turnMs = turnMs ?? usualTurnMs;
  }

  /** A name can show one such certificate at a time: an RSA order waits for the ECDSA order of the same name to be proved. */
  async present(challenge: Challenge, signal: AbortSignal): Promise<void> {
    for (const left of await this.#proofs.left(challenge)) await this.#proofs.remove(left);
    const deadline = performance.now() + this.#turnMs;
    while (performance.now() < deadline && (await this.#isTaken(challenge))) {
      await sleep(lookMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
    await this.#proofs.put(challenge);
  }

  async wait(): Promise<void> {}

  async cleanUp(challenge: Challenge): Promise<void> {
    await this.#proofs.remove(challenge);
  }

  async #isTaken({ kind, name, token }: Challenge): Promise<boolean> {
    const shown = await this.#store.findByName(kind, name);
    return shown !== undefined && shown.token !== token;
  }
}

/** What a handshake for `acme-tls/1` has to be answered with: for this name alone, with the digest, signed by itself. */
export async function createProofCertificate({
  name,
  keyAuthorization,
}: Pick<Challenge, 'name' | 'keyAuthorization'>): Promise<ProofCertificate> {
  const keys = await generateKeyPair('ecdsa');
  const digest = createHash('sha256').update(keyAuthorization).digest();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    notBefore: new Date(Date.now() - lifeMs),
    notAfter: new Date(Date.now() + lifeMs),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      new Extension(acmeIdentifierOid, true, Uint8Array.of(octetString, digest.length, ...digest)),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await privateKeyPem(keys) };
}

/** id-pe-acmeIdentifier (RFC 8737 §3). */
const acmeIdentifierOid = '1.3.6.1.5.5.7.1.31';
const octetString = 0x04;

/** Nobody looks at its dates; both sides of now, for clocks that are wrong. */
const lifeMs = 7 * 86_400_000;
/** As long as an authority may take for its verdict (patience.ts): what stands longer was left by a process that died. */
const usualTurnMs = 130_000;
const lookMs = 500;
