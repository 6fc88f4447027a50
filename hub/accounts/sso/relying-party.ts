// A provider's settings arrive; its addresses, and what its signed answers say, leave: each answer is held against everything that row A-06 names.

import {
  createRemoteJWKSet,
  customFetch as jwksFetch,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import * as oidc from 'openid-client';

import type { SafeFetch } from '../../notices/safe-fetch.ts';
import { identityOf } from './claims.ts';
import type { SsoIdentity } from './identity.ts';
import { orRefused } from './provider-failure.ts';
import type { Provider } from './provider.ts';
import type { Transaction } from './transaction.ts';

export interface RelyingPartyOptions {
  readonly fetch: SafeFetch;
  /** `https://hub.example.org`: HUB_PUBLIC_URL, never what a request says. */
  readonly hub: () => string;
  readonly secretOf: (provider: Provider) => string | undefined;
  /** It answered: for HUB_LOCAL_LOGIN=off. */
  readonly onAnswer?: (provider: Provider) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

/** Never `none`, and nothing whose key the hub shares with the provider. Ed25519 is EdDSA's new name (RFC 9864). */
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const skewSeconds = 60;
const keysMs = 3_600_000;
/** An unknown key id asks for the keys again, at most this often: whoever forges tokens must not make the hub a flood. */
const keysPauseMs = 60_000;
/** Addresses change with the provider's next version. */
const discoveryMs = 3_600_000;

interface Known {
  readonly provider: Provider;
  readonly configuration: oidc.Configuration;
  readonly keys: JWTVerifyGetKey;
  readonly at: number;
}

export interface Redeemed {
  readonly identity: SsoIdentity;
  readonly idToken: string;
}

export class RelyingParty {
  readonly #options: RelyingPartyOptions;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();

  constructor(options: RelyingPartyOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  redirectUri({ id }: Pick<Provider, 'id'>): string {
    return new URL(`/auth/oidc/${id}/callback`, this.#options.hub()).href;
  }

  /** Where the browser goes. @throws AccountError sso.unavailable */
  async authorizationUrl(provider: Provider, transaction: Transaction): Promise<string> {
    const { configuration } = await this.#discover(provider);
    const { errand, state, nonce, verifier } = transaction;
    const isAnew = errand.kind === 'step-up';
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.redirectUri(provider),
      response_type: 'code',
      scope: provider.scopes.join(' '),
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      // A step-up: whoever sits at a browser that is still signed in there has to prove himself again.
      ...(isAnew && { prompt: 'login', max_age: '0' }),
    });
    return url.href;
  }

  /**
   * `query`: as the callback got it. @throws AccountError sso.denied | sso.failed | sso.unavailable
   */
  async redeem(provider: Provider, transaction: Transaction, query: string): Promise<Redeemed> {
    const { configuration, keys } = await this.#discover(provider);
    const { state, nonce, verifier } = transaction;
    const url = new URL(this.redirectUri(provider));
    url.search = query;
    return orRefused(provider, async () => {
      const tokens = await oidc.authorizationCodeGrant(configuration, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const { id_token: idToken = '', access_token: accessToken } = tokens;
      const claims = await this.#verify(idToken, provider, { configuration, keys });
      const { userinfo_endpoint: endpoint } = configuration.serverMetadata();
      const userinfo =
        endpoint === undefined
          ? undefined
          : await oidc.fetchUserInfo(configuration, accessToken, claims.sub);
      return { identity: identityOf(provider, claims, userinfo), idToken };
    });
  }

  /** OpenID Connect RP-Initiated Logout 1.0 §2. Undefined: the provider knows no such thing. */
  async endSessionUrl(provider: Provider, idToken: string): Promise<string | undefined> {
    const { configuration } = await this.#discover(provider);
    if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
    return oidc.buildEndSessionUrl(configuration, {
      id_token_hint: idToken,
      post_logout_redirect_uri: new URL('/', this.#options.hub()).href,
    }).href;
  }

  /** OpenID Connect Back-Channel Logout 1.0 §2.6. @throws AccountError sso.failed | sso.unavailable */
  async verifyLogoutToken(provider: Provider, token: string): Promise<LogoutClaims> {
    const known = await this.#discover(provider);
    return orRefused(provider, async () => {
      const { payload } = await jwtVerify(token, known.keys, {
        issuer: known.configuration.serverMetadata().issuer,
        audience: provider.clientId,
        algorithms,
        clockTolerance: skewSeconds,
        requiredClaims: ['iat', 'jti', 'events'],
        // One that lies about for longer was not meant for now.
        maxTokenAge: '5 minutes',
      });
      return logoutClaims(payload);
    });
  }

  /** Reads the discovery document anew, and the keys. @throws AccountError sso.unavailable | sso.failed */
  async test(provider: Provider): Promise<void> {
    this.#known.delete(provider.id);
    const { configuration } = await this.#discover(provider);
    const { jwks_uri: address } = configuration.serverMetadata();
    await orRefused(provider, async () => {
      const answer = await this.#fetchFor(provider)(address ?? '', {});
      if (!answer.ok) throw new Error(`its keys answer with ${answer.status}`);
      await answer.json();
    });
  }

  /** @throws AccountError sso.unavailable | sso.failed */
  async #discover(provider: Provider): Promise<Known> {
    const known = this.#known.get(provider.id);
    const isFresh = known !== undefined && this.#nowMs() - known.at < discoveryMs;
    if (isFresh && isSameSetup(known.provider, provider)) return known;
    const found = await orRefused(provider, async () => this.#read(provider));
    this.#known.set(provider.id, found);
    await this.#options.onAnswer?.(provider);
    return found;
  }

  async #read(provider: Provider): Promise<Known> {
    const secret = this.#options.secretOf(provider);
    const issuer = new URL(provider.issuer);
    const fetch = this.#fetchFor(provider);
    const metadata = { [oidc.clockTolerance]: skewSeconds };
    const options = {
      [oidc.customFetch]: fetch,
      timeout: 10,
      ...(issuer.protocol === 'http:' && { execute: [oidc.allowInsecureRequests] }),
    };
    // Which way it takes the secret is told by the document itself, so it is read before the client is made.
    const first = await oidc.discovery(issuer, provider.clientId, metadata, oidc.None(), options);
    const server = first.serverMetadata();
    requireSound(server, issuer);
    const configuration = new oidc.Configuration(
      server,
      provider.clientId,
      metadata,
      authenticationOf(server, secret),
    );
    configuration[oidc.customFetch] = fetch;
    configuration.timeout = 10;
    if (issuer.protocol === 'http:') oidc.allowInsecureRequests(configuration);
    const keys = createRemoteJWKSet(new URL(server.jwks_uri ?? ''), {
      [jwksFetch]: fetch,
      cacheMaxAge: keysMs,
      cooldownDuration: keysPauseMs,
    });
    return { provider, configuration, keys, at: this.#nowMs() };
  }

  /** The library reads the claims; whether they are the provider's own words is said by the signature alone. */
  async #verify(
    idToken: string,
    provider: Provider,
    { configuration, keys }: Pick<Known, 'configuration' | 'keys'>,
  ): Promise<JWTPayload & { iss: string; sub: string }> {
    const { payload } = await jwtVerify(idToken, keys, {
      issuer: configuration.serverMetadata().issuer,
      audience: provider.clientId,
      algorithms,
      clockTolerance: skewSeconds,
      requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
    });
    const { iss = '', sub = '' } = payload;
    return { ...payload, iss, sub };
  }

  #fetchFor({ allowPrivate, allow }: Provider) {
    return async (url: string, init: FetchParts): Promise<Response> =>
      this.#options.fetch(url, {
        allowPrivate,
        allow,
        method: init.method ?? 'GET',
        headers: new Headers(init.headers),
        body: init.body === undefined || init.body === null ? undefined : textOf(init.body),
        signal: init.signal ?? undefined,
      });
  }
}

export interface LogoutClaims {
  readonly issuer: string;
  readonly subject: string | undefined;
  readonly sid: string | undefined;
  readonly jti: string;
}

interface FetchParts {
  readonly method?: string | undefined;
  readonly headers?: Headers | Record<string, string> | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null | undefined;
}

/** The library sends forms and nothing else. */
function textOf(body: unknown): string {
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('a body of another kind than a form');
}

function isSameSetup(a: Provider, b: Provider): boolean {
  return setupOf(a) === setupOf(b);
}

function setupOf({ issuer, clientId, sealedSecret, allowPrivate, allow }: Provider): string {
  return JSON.stringify([issuer, clientId, sealedSecret?.toString('base64'), allowPrivate, allow]);
}

function authenticationOf(
  { token_endpoint_auth_methods_supported: methods }: oidc.ServerMetadata,
  secret: string | undefined,
): oidc.ClientAuth {
  if (secret === undefined) return oidc.None();
  // OpenID Connect Discovery 1.0 §3: where nothing is said, it is client_secret_basic.
  return (methods ?? ['client_secret_basic']).includes('client_secret_basic')
    ? oidc.ClientSecretBasic(secret)
    : oidc.ClientSecretPost(secret);
}

/** What a browser is sent to, and what a secret is sent to, is an address of the kind that the issuer has. */
function requireSound(server: oidc.ServerMetadata, issuer: URL): void {
  const { authorization_endpoint, token_endpoint, jwks_uri, end_session_endpoint } = server;
  const needed = [authorization_endpoint, token_endpoint, jwks_uri];
  const offered = [server.userinfo_endpoint, end_session_endpoint].filter(
    (address) => address !== undefined,
  );
  const isSound = (address: string | undefined) => {
    const protocol = URL.parse(address ?? '')?.protocol;
    return protocol === 'https:' || (protocol === 'http:' && issuer.protocol === 'http:');
  };
  if (new URL(server.issuer).href !== issuer.href) throw new Error('it is another issuer');
  if (![...needed, ...offered].every(isSound)) throw new Error('its addresses are not usable');
}

function logoutClaims(payload: JWTPayload): LogoutClaims {
  const { iss = '', sub, jti = '', events } = payload;
  const sid = typeof payload['sid'] === 'string' ? payload['sid'] : undefined;
  const isLogout =
    typeof events === 'object' && events !== null && Object.hasOwn(events, logoutEvent);
  // §2.4: a nonce would make it an ID token, which anybody who signs in gets.
  if (!isLogout || payload['nonce'] !== undefined || (sub === undefined && sid === undefined))
    throw new Error('it is no logout token');
  return { issuer: iss, subject: sub, sid, jti };
}

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';
