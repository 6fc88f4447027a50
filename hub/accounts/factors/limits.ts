// How much of each factor an account may have, and for how long a proof is good, leaves here, each with its reason.

const second = 1000;
const minute = 60 * second;

export const factorLimits = {
  /** WebAuthn's own advice is five minutes for somebody who has to look for a key (Level 3 §15.1). */
  challengeLifeMs: 5 * minute,
  /** A page asks twice at most (conditional UI and a button); what is older is given up, so that a sign-in stores no more than this. */
  challengesPerBinding: 5,
  /** Row A-03: more keys than anybody owns; a list of them still fits one screen. */
  passkeys: 20,
  passkeyNameLength: 64,
  /** Of a response in base64url: attestation "none" is a few hundred bytes, credential ids are at most 1,023. */
  responseTextLength: 16_384,
  /** From the QR code to the first code: a phone has to be found, and an app installed. */
  totpPendingMs: 30 * minute,
  recoveryCodes: 10,
  /** Row A-08. */
  trustedBrowsers: 30,
} as const;

/** Settings of the operator. */
export interface FactorSettings {
  /** How many steps of 30 s a clock may be wrong by, either way: 0 to 2. */
  readonly totpWindow: number;
  /** 1 to 90. */
  readonly trustedBrowserDays: number;
}

export const defaultFactorSettings: FactorSettings = {
  totpWindow: 1,
  trustedBrowserDays: 30,
};
