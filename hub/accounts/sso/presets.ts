// The name of a product arrives; what its users would otherwise have to look up leaves: scopes, the groups' claim, and what it says of second factors.

export const presetNames = ['authentik', 'authelia', 'keycloak', 'pocket-id', 'other'] as const;
export type PresetName = (typeof presetNames)[number];

export interface Preset {
  readonly title: string;
  /** What its issuer looks like, for people to fill in. */
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly groupsClaim: string;
  readonly mfa: { readonly acr: readonly string[]; readonly amr: readonly string[] };
  /** What to do there, in its own words. */
  readonly steps: readonly string[];
}

/** RFC 8176 §2; and the classes for phishing-resistant factors of OpenID's EAP profile. */
const usualMfa = { acr: ['phr', 'phrh'], amr: ['mfa'] };

export const presets: Readonly<Record<PresetName, Preset>> = {
  authentik: {
    title: 'Authentik',
    issuer: 'https://auth.example.org/application/o/phlix/',
    // Groups come with `profile`.
    scopes: ['openid', 'profile', 'email'],
    groupsClaim: 'groups',
    mfa: usualMfa,
    steps: [
      'Make an application with an OAuth2/OpenID provider, client type Confidential.',
      'Choose a signing key there: without one its tokens are signed with the client secret, which this hub refuses.',
    ],
  },
  authelia: {
    title: 'Authelia',
    issuer: 'https://auth.example.org',
    scopes: ['openid', 'profile', 'email', 'groups'],
    groupsClaim: 'groups',
    mfa: usualMfa,
    steps: [
      'Add a client to identity_providers.oidc.clients, with authorization_policy two_factor and require_pkce true.',
      'The secret goes there as a hash (authelia crypto hash generate), here as it is.',
    ],
  },
  keycloak: {
    title: 'Keycloak',
    issuer: 'https://idp.example.org/realms/home',
    scopes: ['openid', 'profile', 'email'],
    groupsClaim: 'groups',
    // A realm gives its levels of assurance names of its own (ACR to LoA mapping): 1 is the cookie, so nothing is taken for granted.
    mfa: usualMfa,
    steps: [
      'Make an OpenID Connect client with client authentication on and only the standard flow.',
      'Add a mapper "Group Membership" named groups, full path off, to its dedicated scope.',
      'For hub admins, map a level of assurance to a second factor and name it here with --mfa-acr.',
    ],
  },
  'pocket-id': {
    title: 'Pocket ID',
    issuer: 'https://id.example.org',
    scopes: ['openid', 'profile', 'email', 'groups'],
    groupsClaim: 'groups',
    mfa: usualMfa,
    steps: ['Make an OIDC client with PKCE on; it shows the secret once.'],
  },
  other: {
    title: 'OpenID Connect',
    issuer: 'https://idp.example.org',
    scopes: ['openid', 'profile', 'email'],
    groupsClaim: 'groups',
    mfa: usualMfa,
    steps: ['Make a confidential client for the authorization code flow with PKCE (S256).'],
  },
};
