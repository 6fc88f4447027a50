// What an authenticator signed arrives (WebAuthn Level 3); whose passkey it is leaves, or a new passkey that an account keeps.

/** JSON of PublicKeyCredential, as the browser's toJSON() makes it: hostile until it is verified. */
export type AuthenticationResponse = Readonly<Record<string, unknown>>;
export type RegistrationResponse = Readonly<Record<string, unknown>>;
/** JSON for PublicKeyCredential.parseRequestOptionsFromJSON(). */
export type PasskeyQuestion = object;
/** JSON for PublicKeyCredential.parseCreationOptionsFromJSON(). */
export type PasskeyOffer = object;

export interface Passkey {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** Kept by a provider that may copy it to other devices, and whether it has done so. */
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
}

export interface Passkeys {
  list(accountId: string): Promise<readonly Passkey[]>;
  /** `binding`: the login's id. @throws AccountError passkey.limit */
  offer(
    account: { readonly id: string; readonly username: string },
    binding: string,
  ): Promise<PasskeyOffer>;
  /** @throws AccountError passkey.refused | passkey.limit */
  register(
    accountId: string,
    response: RegistrationResponse,
    options: { readonly binding: string; readonly name: string },
  ): Promise<Passkey>;
  /** @throws AccountError passkey.unknown */
  rename(accountId: string, id: string, name: string): Promise<Passkey>;
  /** @throws AccountError passkey.unknown | mfa.last-factor */
  remove(accountId: string, id: string): Promise<void>;
  ask(binding: string, accountId?: string): Promise<PasskeyQuestion>;
  /** The account whose passkey answered; with `accountId` only that one's. */
  identify(
    response: AuthenticationResponse,
    options: { readonly binding: string; readonly accountId?: string },
  ): Promise<string | undefined>;
}
