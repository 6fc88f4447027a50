// JSON that claims to come from an authenticator arrives; what it really proves leaves, or nothing. No store is asked here.

import { Buffer } from 'node:buffer';

import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';

import { factorLimits } from './limits.ts';

export interface RelyingParty {
  /** The exact host of HUB_PUBLIC_URL: a parent would be open to every tenant's page (security row A-03). */
  readonly id: string;
  readonly origin: string;
  /** The same host at the port of HUB_ADMIN_LISTEN. */
  readonly adminOrigin?: string | undefined;
  readonly name: string;
}

/** Of the right shape, and nothing more is known of it. */
export interface Assertion {
  readonly response: AuthenticationResponseJSON;
  readonly challenge: string;
  readonly credentialId: Buffer;
}

export interface Registration {
  readonly response: RegistrationResponseJSON;
  readonly challenge: string;
}

/** What an authenticator told of a key of its own. */
export interface PasskeyKey {
  readonly credentialId: Buffer;
  /** COSE. */
  readonly publicKey: Buffer;
  readonly counter: number;
  readonly transports: readonly string[];
  /** Kept by a provider that may copy it to other devices, and whether it has done so. */
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
}

/** EdDSA, ES256 and RS256 (§5.8.5): one of them is in every authenticator that is sold. */
export const keyAlgorithms = [-8, -7, -257] as const;

/** What the authenticator calls the account by: its id, which tells nothing about the person. */
export function accountHandle(accountId: string): Buffer {
  return Buffer.from(accountId.replaceAll('-', ''), 'hex');
}

export function readAssertion(json: Readonly<Record<string, unknown>>): Assertion | undefined {
  const outer = credentialOf(json);
  const inner = outer && textsOf(json['response'], assertionFields);
  const challenge = inner && challengeOf(inner['clientDataJSON']);
  if (outer === undefined || inner === undefined || challenge === undefined) return undefined;
  const { clientDataJSON = '', authenticatorData = '', signature = '', userHandle } = inner;
  return {
    challenge,
    credentialId: Buffer.from(outer.id, 'base64url'),
    response: {
      ...outer,
      response: {
        clientDataJSON,
        authenticatorData,
        signature,
        ...(userHandle === undefined ? {} : { userHandle }),
      },
    },
  };
}

export function readRegistration(
  json: Readonly<Record<string, unknown>>,
): Registration | undefined {
  const outer = credentialOf(json);
  const inner = outer && textsOf(json['response'], registrationFields);
  const challenge = inner && challengeOf(inner['clientDataJSON']);
  if (outer === undefined || inner === undefined || challenge === undefined) return undefined;
  const { clientDataJSON = '', attestationObject = '' } = inner;
  const transports = transportsOf(json['response']);
  return {
    challenge,
    response: { ...outer, response: { clientDataJSON, attestationObject, transports } },
  };
}

/** Undefined: of another origin or RP, without user verification, or not signed by this key. */
export async function verifyAssertion(
  { response, challenge }: Assertion,
  passkey: PasskeyKey & { readonly accountId: string },
  relyingParty: RelyingParty,
): Promise<{ readonly counter: number; readonly isBackedUp: boolean } | undefined> {
  const handle = response.response.userHandle;
  // §7.2 step 6: whoever was found by the credential has to be whom the authenticator names.
  if (handle !== undefined && handle !== accountHandle(passkey.accountId).toString('base64url'))
    return undefined;
  const credential = {
    id: passkey.credentialId.toString('base64url'),
    publicKey: new Uint8Array(passkey.publicKey),
    // The counter is compared where it is stored, in one statement, and only once the signature is known to be right.
    counter: 0,
  };
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  const verified = await ifVerified(
    verifyAuthenticationResponse({
      response,
      credential,
      expectedChallenge: challenge,
      expectedOrigin: originsOf(relyingParty),
      expectedRPID: relyingParty.id,
      requireUserVerification: true,
    }),
  );
  if (verified?.verified !== true) return undefined;
  const { newCounter, credentialBackedUp, credentialDeviceType } = verified.authenticationInfo;
  // §7.2 step 19: whether a key may be copied never changes.
  if ((credentialDeviceType === 'multiDevice') !== passkey.isBackupEligible) return undefined;
  return { counter: newCounter, isBackedUp: credentialBackedUp };
}

export async function verifyRegistration(
  { response, challenge }: Registration,
  relyingParty: RelyingParty,
): Promise<PasskeyKey | undefined> {
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
  const verified = await ifVerified(
    verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: originsOf(relyingParty),
      expectedRPID: relyingParty.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: [...keyAlgorithms],
    }),
  );
  if (verified?.verified !== true) return undefined;
  const { credential, credentialDeviceType, credentialBackedUp } = verified.registrationInfo;
  const credentialId = Buffer.from(credential.id, 'base64url');
  if (credentialId.length > longestCredentialId) return undefined;
  return {
    credentialId,
    publicKey: Buffer.from(credential.publicKey),
    counter: credential.counter,
    transports: response.response.transports ?? [],
    isBackupEligible: credentialDeviceType === 'multiDevice',
    isBackedUp: credentialBackedUp,
  };
}

/** §7.2 step 13: the doors of the hub itself, each to the port; any other port of its host is somebody else's. */
function originsOf({ origin, adminOrigin }: RelyingParty): string[] {
  return adminOrigin === undefined ? [origin] : [origin, adminOrigin];
}

/** §4: what an authenticator may make. */
const longestCredentialId = 1023;

const assertionFields = {
  clientDataJSON: 'needed',
  authenticatorData: 'needed',
  signature: 'needed',
  userHandle: 'optional',
} as const;

const registrationFields = { clientDataJSON: 'needed', attestationObject: 'needed' } as const;

/** The library says "no" by throwing, and throws as well over bytes that are no CBOR. */
async function ifVerified<Result>(verifying: Promise<Result>): Promise<Result | undefined> {
  return verifying.catch(() => undefined);
}

function credentialOf(json: Readonly<Record<string, unknown>>) {
  const { id, rawId, type } = json;
  if (!isBase64Url(id) || rawId !== id || type !== 'public-key') return undefined;
  return { id, rawId: id, type, clientExtensionResults: {} } as const;
}

function textsOf(
  value: unknown,
  fields: Readonly<Record<string, 'needed' | 'optional'>>,
): Readonly<Record<string, string>> | undefined {
  if (!isRecord(value)) return undefined;
  const texts: Record<string, string> = {};
  for (const [name, need] of Object.entries(fields)) {
    const text = value[name];
    if (isBase64Url(text)) texts[name] = text;
    // Browsers write null for a user handle that is not there.
    else if (need === 'needed' || (text !== undefined && text !== null)) return undefined;
  }
  return texts;
}

/** Hints for browsers, and nothing hangs on them. */
function transportsOf(value: unknown): string[] {
  const claimed = isRecord(value) ? value['transports'] : undefined;
  if (!Array.isArray(claimed)) return [];
  return knownTransports.filter((transport) => claimed.includes(transport));
}

const knownTransports = ['ble', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'];

function challengeOf(clientData: string | undefined): string | undefined {
  try {
    const { challenge } = JSON.parse(Buffer.from(clientData ?? '', 'base64url').toString('utf8'));
    return isBase64Url(challenge) && challenge.length <= 64 ? challenge : undefined;
  } catch {
    return undefined;
  }
}

function isBase64Url(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= factorLimits.responseTextLength &&
    /^[\w-]+$/.test(value)
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
