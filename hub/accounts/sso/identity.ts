// What a provider's signed answer says about a person arrives checked; whom it means at this hub is asked by (issuer, subject) and by nothing else (row A-06).

/** As the provider's ID token and userinfo said it, both checked: signature, issuer, audience, nonce, times, and one `sub`. */
export interface SsoIdentity {
  readonly providerId: string;
  readonly providerName: string;
  readonly issuer: string;
  readonly subject: string;
  /** For words to a person only, never to find an account by. */
  readonly name: string | undefined;
  readonly email: string | undefined;
  /** Only for a boolean `true`: providers are known that send the word. */
  readonly isEmailVerified: boolean;
  readonly groups: readonly string[];
  readonly acr: string | undefined;
  readonly amr: readonly string[];
  /** When the person proved himself to the provider. */
  readonly authenticatedAt: Date | undefined;
  /** The provider's login (`sid`), for back-channel logout. */
  readonly sid: string | undefined;
}

/** What an identity comes to at this hub, for SignIn.withSso. */
export interface SsoSignIn {
  readonly identity: SsoIdentity;
  /** The account that (issuer, subject) is linked to. */
  readonly accountId: string;
  /** The role that the provider's groups give, where it has a map; undefined: the account keeps its own. */
  readonly role: 'admin' | 'owner' | 'member' | undefined;
  /** The provider asked for a second factor and says so (`acr`, `amr`): the hub asks for none again. */
  readonly isMultiFactor: boolean;
}

/** Password and other local sign-in, as HUB_LOCAL_LOGIN says (row A-07). Every door that takes a password asks first. */
export interface LocalLogin {
  /** @throws AccountError login.disabled: single sign-on only, and the host has not opened local sign-in for a while. */
  requireOpen(): Promise<void>;
  /** For the sign-in page: what is refused is not offered either. */
  isOpen(): Promise<boolean>;
}
