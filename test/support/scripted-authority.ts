// Answers that a test wants to hear arrive; an ACME server leaves that gives them where they are due and behaves well in all else.

import { Buffer } from 'node:buffer';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

import { issueAuthority, issueLeaf, type IssuedPair } from '../../hub/certificates/issuance.ts';

export interface Asked {
  readonly method: string;
  /** `/order/1`. */
  readonly path: string;
  /** What the JWS carries; nobody looks at its signature here. */
  readonly payload: Record<string, unknown>;
  readonly protectedHeader: Record<string, unknown>;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** Undefined: the usual answer. `'silence'`: none, ever. */
export type Script = (asked: Asked, response: ServerResponse) => Reply | 'silence' | undefined;

export class ScriptedAuthority {
  readonly url: string;
  readonly directoryUrl: string;
  /** PEM: the root that its own TLS certificate hangs on. */
  readonly trust: string;
  readonly asked: Asked[] = [];
  script: Script = () => undefined;
  /** True: proofs are believed as soon as they are offered. */
  believes = true;
  readonly #server: Server;
  readonly #issuer: IssuedPair;
  #names: string[] = [];
  #isProved = false;
  #chain: string | undefined;

  private constructor(server: Server, trust: string, issuer: IssuedPair) {
    this.#server = server;
    this.trust = trust;
    this.#issuer = issuer;
    this.url = `https://localhost:${(server.address() as AddressInfo).port}`;
    this.directoryUrl = `${this.url}/dir`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** `tlsSince`: when its own TLS certificate, of 90 days, was made. */
  static async start(tlsSince = new Date()): Promise<ScriptedAuthority> {
    const now = new Date();
    const root = await issueAuthority(['localhost'], now);
    const { certificate, key } = await issueLeaf(root, ['localhost'], tlsSince);
    const server = createServer({ cert: certificate, key });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new ScriptedAuthority(server, root.certificate, await issueAuthority(['example'], now));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  countOf(path: string): number {
    return this.asked.filter((asked) => asked.path === path).length;
  }

  /** A chain for any key, names and times, signed by this authority. */
  async sign(
    publicKey: PublicKey,
    names: readonly string[],
    life: { notBefore: Date; notAfter: Date },
  ): Promise<string> {
    const issuer = new X509Certificate(this.#issuer.certificate);
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const signingKey = createPrivateKey(this.#issuer.key).toCryptoKey(algorithm, false, ['sign']);
    const certificate = await X509CertificateGenerator.create({
      issuer: issuer.subjectName,
      ...life,
      publicKey,
      signingKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    });
    return `${certificate.toString('pem')}\n${issuer.toString('pem')}\n`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await readAsked(request);
    this.asked.push(asked);
    const scripted = this.script(asked, response);
    if (scripted === 'silence') return;
    const { status = 200, headers, body } = scripted ?? (await this.#usual(asked));
    const isText = typeof body === 'string';
    const type = status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(status, {
      'content-type': isText ? 'application/pem-certificate-chain' : type,
      'replay-nonce': `nonce-${this.asked.length}`,
      ...headers,
    });
    response.end(body === undefined ? '' : isText ? body : JSON.stringify(body));
  }

  async #usual({ path, payload }: Asked): Promise<Reply> {
    const [, resource = '', index] = path.split('/');
    switch (resource) {
      case 'dir':
        return { body: this.directory() };
      case 'account':
        return {
          status: index === undefined ? 201 : 200,
          headers: { location: `${this.url}/account/1` },
          body: { status: 'valid' },
        };
      case 'order':
        return index === undefined ? this.#place(payload) : { body: this.order() };
      case 'authz':
        return { body: this.authorization(Number(index)) };
      case 'challenge':
        this.#isProved ||= this.believes;
        return { body: { type: 'http-01', status: 'processing', url: `${this.url}${path}` } };
      case 'finalize':
        return this.#finalize(payload);
      case 'certificate':
        return { body: this.#chain };
      default:
        return {};
    }
  }

  directory(): Record<string, unknown> {
    const { url } = this;
    return {
      newNonce: `${url}/nonce`,
      newAccount: `${url}/account`,
      newOrder: `${url}/order`,
      revokeCert: `${url}/revoke`,
      renewalInfo: `${url}/renewal`,
      meta: {},
    };
  }

  order(): Record<string, unknown> {
    const { url } = this;
    const open = this.#isProved ? 'ready' : 'pending';
    return {
      status: this.#chain === undefined ? open : 'valid',
      identifiers: this.#names.map((value) => ({ type: 'dns', value })),
      authorizations: this.#names.map((_, index) => `${url}/authz/${index}`),
      finalize: `${url}/finalize/1`,
      ...(this.#chain === undefined ? {} : { certificate: `${url}/certificate/1` }),
    };
  }

  authorization(index: number): Record<string, unknown> {
    const name = this.#names[index] ?? '';
    const offers = ['http-01', 'dns-01', 'tls-alpn-01'].map((type) => ({
      type,
      status: 'pending',
      url: `${this.url}/challenge/${index}`,
      token: `token-token-token-${index}-${name.length}`,
    }));
    return {
      status: this.#isProved ? 'valid' : 'pending',
      identifier: { type: 'dns', value: name.replace(/^\*\./, '') },
      challenges: name.startsWith('*.') ? offers.slice(1, 2) : offers,
      ...(name.startsWith('*.') ? { wildcard: true } : {}),
    };
  }

  #place({ identifiers }: Asked['payload']): Reply {
    this.#names = (identifiers as { value: string }[]).map(({ value }) => value);
    this.#isProved = false;
    this.#chain = undefined;
    return { status: 201, headers: { location: `${this.url}/order/1` }, body: this.order() };
  }

  async #finalize({ csr }: Asked['payload']): Promise<Reply> {
    const request = new Pkcs10CertificateRequest(Buffer.from(String(csr), 'base64url'));
    const [notBefore, notAfter] = [
      new Date(Date.now() - 60_000),
      new Date(Date.now() + 86_400_000),
    ];
    this.#chain = await this.sign(request.publicKey, this.#names, { notBefore, notAfter });
    return { body: this.order() };
  }
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const jws = (text === '' ? {} : JSON.parse(text)) as { payload?: string; protected?: string };
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    payload: decoded(jws.payload),
    protectedHeader: decoded(jws.protected),
  };
}

function decoded(part: string | undefined): Record<string, unknown> {
  const text = Buffer.from(part ?? '', 'base64url').toString();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
