// The hub's question to an authenticator arrives; what the authenticator signed leaves, or words about why it did not.

import {
  browserSupportsWebAuthn,
  browserSupportsWebAuthnAutofill,
  startAuthentication,
  startRegistration,
  WebAuthnAbortService,
} from '@simplewebauthn/browser';

type Send = (method: string, path: string, body: unknown) => Promise<unknown>;
type RequestOptions = Parameters<typeof startAuthentication>[0]['optionsJSON'];
type CreationOptions = Parameters<typeof startRegistration>[0]['optionsJSON'];

/** The hub is asked at `path` for its question. @throws Error with words for people */
export async function askPasskey(path: string, send: Send): Promise<unknown> {
  return signWithPasskey(await send('POST', path, {}));
}

/** What the hub asked goes to an authenticator at once. @throws Error with words for people */
export async function signWithPasskey(optionsJSON: unknown): Promise<unknown> {
  return inWords(async () => startAuthentication({ optionsJSON: optionsJSON as RequestOptions }));
}

/** The field's own list of suggestions offers passkeys; resolves when one was chosen, perhaps never. */
export async function awaitPasskey(optionsJSON: unknown): Promise<unknown> {
  return startAuthentication({
    optionsJSON: optionsJSON as RequestOptions,
    useBrowserAutofill: true,
  });
}

/** A new passkey on this device, or on one that the browser reaches. @throws Error with words for people */
export async function makePasskey(optionsJSON: unknown): Promise<unknown> {
  return inWords(async () => startRegistration({ optionsJSON: optionsJSON as CreationOptions }));
}

/** A browser asks one authenticator at a time. */
export function stopAsking(): void {
  WebAuthnAbortService.cancelCeremony();
}

/** Among the suggestions of a field. */
export async function offersPasskeys(): Promise<boolean> {
  return browserSupportsWebAuthnAutofill();
}

export function knowsPasskeys(): boolean {
  return browserSupportsWebAuthn();
}

async function inWords<Result>(work: () => Promise<Result>): Promise<Result> {
  if (!knowsPasskeys()) throw new Error('This browser knows no passkeys. Use another way.');
  try {
    return await work();
  } catch (error) {
    throw new Error(wordsFor(error), { cause: error });
  }
}

/** Browsers say little on purpose: whether there is a passkey is nobody's business. */
function wordsFor(error: unknown): string {
  const { name } = error as Error;
  if (name === 'InvalidStateError') return 'This device has a passkey for this account already.';
  if (name === 'SecurityError') return 'Passkeys work at the hub’s own address only.';
  return 'No passkey was used: it was cancelled, or took too long. Try again, or use another way.';
}
