// What an identity provider shall say arrives, true or forged; it says so, over real HTTP on loopback, with keys of its own.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

type Claims = Record<string, unknown>;
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

interface Forged {
  /** On top of honest ones. */
  claims: Claims;
  /** Instead of what the token's subject has. */
  userinfo: Claims | undefined;
  header: { alg?: string; kid?: string };
  /** Instead of the key that it publishes. */
  key: Pair['privateKey'] | Uint8Array | undefined;
  metadata: Claims;
  status: number;
}

const honest: Forged = {
  claims: {},
  userinfo: undefined,
  header: {},
  key: undefined,
  metadata: {},
  status: 200,
};

export class ForgingProvider {
  readonly issuer: string;
  readonly asked: { path: string; body: string }[] = [];
  forged: Forged = { ...honest };
  /** Of the authorization request: what an honest one puts into the token. */
  nonce = '';
  readonly #pairs: Pair[];
  readonly #close: () => void;

  static async start(): Promise<ForgingProvider> {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const server = createServer((request, response) => {
      void provider.answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const provider: ForgingProvider = new ForgingProvider(
      `http://127.0.0.1:${port}`,
      [pair],
      () => {
        server.close();
        server.closeAllConnections();
      },
    );
    return provider;
  }

  private constructor(issuer: string, pairs: Pair[], close: () => void) {
    this.issuer = issuer;
    this.#pairs = pairs;
    this.#close = close;
  }

  stop(): void {
    this.#close();
  }

  forge(change: Partial<Forged>): void {
    this.forged = { ...honest, ...change };
  }

  /** It signs with a key that nobody has seen yet. */
  async rotate(): Promise<void> {
    this.#pairs.unshift(await generateKeyPair('ES256', { extractable: true }));
  }

  requestsFor(path: string): number {
    return this.asked.filter((request) => request.path === path).length;
  }

  async idToken(claims: JWTPayload, typ = 'JWT'): Promise<string> {
    const { header, key } = this.forged;
    const [pair] = this.#pairs;
    if (pair === undefined) throw new Error('no key');
    const token = new SignJWT({ ...claims, ...this.forged.claims });
    const protectedHeader = { alg: 'ES256', kid: this.#kid(0), typ, ...header };
    if (protectedHeader.alg === 'none') return unsigned({ ...claims, ...this.forged.claims });
    return token.setProtectedHeader(protectedHeader).sign(key ?? pair.privateKey);
  }

  #kid(index: number): string {
    return `key-${this.#pairs.length - index}`;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const path = new URL(request.url ?? '', this.issuer).pathname;
    this.asked.push({ path, body: Buffer.concat(pieces).toString() });
    const body = await this.#bodyFor(path);
    response.writeHead(body === undefined ? 404 : this.forged.status, {
      'content-type': 'application/json',
    });
    response.end(JSON.stringify(body ?? {}));
  }

  async #bodyFor(path: string): Promise<object | undefined> {
    const { issuer } = this;
    const bodies: Record<string, () => object | Promise<object>> = {
      '/.well-known/openid-configuration': () => ({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/keys`,
        end_session_endpoint: `${issuer}/logout`,
        id_token_signing_alg_values_supported: ['ES256', 'HS256', 'none', 'RS256'],
        authorization_response_iss_parameter_supported: true,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        ...this.forged.metadata,
      }),
      '/keys': async () => ({
        keys: await Promise.all(
          this.#pairs.map(async ({ publicKey }, index) => ({
            ...(await exportJWK(publicKey)),
            kid: this.#kid(index),
            alg: 'ES256',
            use: 'sig',
          })),
        ),
      }),
      '/token': async () => ({
        access_token: 'access',
        token_type: 'Bearer',
        id_token: await this.idToken(this.#honestClaims()),
      }),
      '/userinfo': () => ({ sub: 'robin-there', ...this.forged.userinfo }),
    };
    return Object.hasOwn(bodies, path) ? bodies[path]?.() : undefined;
  }

  #honestClaims(): JWTPayload {
    const now = Math.floor(Date.now() / 1000);
    const { issuer, nonce } = this;
    return { iss: issuer, sub: 'robin-there', aud: 'phlix', iat: now, exp: now + 300, nonce };
  }
}

function unsigned(claims: JWTPayload): string {
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
