// Settings, the token's pin and the stored CA arrive; the certificates this agent accepts from its hub leave.

import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';

import { systemAuthorities } from './authorities.ts';
import type { AgentConfig, Endpoint } from './config.ts';
import { CredentialError } from './credentials.ts';
import { dial } from './dialling/dial.ts';
import { AgentFailure } from './failure.ts';

export interface Trust {
  readonly context: SecureContext;
  readonly verifies: boolean;
}

/**
 * With a pinned CA exactly that one counts (and the file the owner named); without, what the system trusts.
 * @throws CredentialError when PHLIX_HUB_CA_FILE cannot be used
 */
export async function trustOf(
  config: Pick<AgentConfig, 'hubCaFile' | 'verifiesCertificate'>,
  pinnedCaPem: string | undefined,
): Promise<Trust> {
  const own = config.hubCaFile === undefined ? [] : await readCaFile(config.hubCaFile);
  const others = pinnedCaPem === undefined ? systemAuthorities() : [pinnedCaPem];
  const context = createSecureContext({ ca: [...own, ...others], minVersion: 'TLSv1.3' });
  return { context, verifies: config.verifiesCertificate };
}

/**
 * Finds the CA that a token pins. The connection made for it is not verified and carries nothing: all that is taken
 * from it is a certificate whose key has the pinned hash, and every later connection is verified against that one.
 * @throws AgentFailure hub.pin-mismatch when the hub shows no such authority
 */
export async function findPinnedCa(
  hub: Endpoint,
  pin: string,
  options: { deadlineMs: number; signal: AbortSignal },
): Promise<string> {
  const socket = await dial(hub, {
    ...options,
    context: createSecureContext({ minVersion: 'TLSv1.3' }),
    verifies: false,
  });
  socket.on('error', () => undefined);
  const shown = socket.getPeerX509Certificate();
  socket.destroy();
  const ca = chainOf(shown).find((certificate) => pinOf(certificate) === pin);
  if (ca === undefined || !ca.ca || !ca.verify(ca.publicKey)) {
    throw new AgentFailure(
      'hub.pin-mismatch',
      `${hub.url} is not the hub this token was made by: check PHLIX_HUB_URL, and if it is right, make a new token there, or find out who answers in the hub's place`,
    );
  }
  return ca.toString();
}

/** base64url SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 5280 §4.1), the form of RFC 7469. */
export function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64url');
}

/** A chain of strangers: bounded, since issuers may point in a circle. */
function chainOf(leaf: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && chain.length < 8; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}

async function readCaFile(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CredentialError(
      'credentials.inaccessible',
      `PHLIX_HUB_CA_FILE ${path} cannot be read (${cause.code ?? cause.message}): check the path and its permissions`,
      { cause },
    );
  });
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    // Parsed here because OpenSSL passes over what it cannot read, and then trusts nobody without a word.
    const certificates = blocks.map((block) => new X509Certificate(block).toString());
    if (certificates.length > 0) return certificates;
  } catch (cause) {
    throw noCertificate(path, cause);
  }
  throw noCertificate(path, undefined);
}

function noCertificate(path: string, cause: unknown): CredentialError {
  return new CredentialError(
    'credentials.malformed',
    `PHLIX_HUB_CA_FILE ${path} holds no certificate in PEM form: give it the certificate of the hub's authority`,
    { cause },
  );
}
