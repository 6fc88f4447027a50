// The port to the hub's key ring leaves here: what an account's secrets are sealed with, each for its own row.

import type { Buffer } from 'node:buffer';

import { CodedError } from '../../../shared/errors.ts';

export interface Sealing {
  /** What is sealed for one `context` opens for no other. */
  seal(text: string, context: string): Buffer;
  /** @throws CodedError: sealed with a secret that is not set any more, for another context, or damaged. */
  open(sealed: Buffer, context: string): string;
  /** False: by a former secret, which has to stay set until `phlix-hub keys rotate` has run. */
  isCurrent(sealed: Buffer): boolean;
}

/** Told from a database that does not answer: this one does not pass by itself. */
export function isSealed(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'certificate.sealed';
}
