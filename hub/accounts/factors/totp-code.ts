// A secret and a code arrive; the step of RFC 6238 that the code is of leaves. Nothing is stored here.

import { generateSecret, generateURI, verifySync } from 'otplib';

import { AccountError } from '../account-error.ts';

/** RFC 6238 §5.2 recommends 30 seconds; authenticator apps know no other. */
const stepSeconds = 30;
/** RFC 4226 §4 R6 recommends 160 bits: as long as the HMAC's hash. */
const secretBytes = 20;

/** Base32. */
export function newTotpSecret(): string {
  return generateSecret({ length: secretBytes });
}

/** `otpauth://totp/Issuer:user?secret=...&issuer=...`, as authenticator apps read it. */
export function totpUri(
  secret: string,
  { issuer, label }: { issuer: string; label: string },
): string {
  return generateURI({ issuer, label, secret });
}

/** SVG. */
export async function qrOf(text: string): Promise<string> {
  const { toString: drawQr } = await import('qrcode');
  return drawQr(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 });
}

/** Digits of ASCII only: other scripts have digits too, and libraries fail on them. @throws AccountError mfa.malformed */
export function requireCode(text: string): string {
  if (/^[0-9]{6}$/.test(text)) return text;
  throw new AccountError('mfa.malformed', 'a code is six digits, without spaces: type it as shown');
}

interface Question {
  readonly secret: string;
  readonly code: string;
  readonly now: Date;
  /** Steps, either way. */
  readonly window: number;
  /** The last step that was taken: that one and all before it are spent. */
  readonly lastStep: number | undefined;
}

/** Undefined: it fits none of the steps that are left. */
export function stepOf({ secret, code, now, window, lastStep }: Question): number | undefined {
  const epoch = Math.floor(now.getTime() / 1000);
  const newest = Math.floor(epoch / stepSeconds) + window;
  // A clock that was set back: every step that it allows is spent. The library takes this for a caller's mistake.
  if (lastStep !== undefined && lastStep >= newest) return undefined;
  const found = verifySync({
    secret,
    token: code,
    epoch,
    epochTolerance: window * stepSeconds,
    ...(lastStep === undefined ? {} : { afterTimeStep: lastStep }),
  });
  return found.valid && 'timeStep' in found ? found.timeStep : undefined;
}
