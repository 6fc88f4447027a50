// The text of PHLIX_ORIGIN_URL arrives; where the media server is, what it speaks and whom to take for it leave.

import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { z } from 'zod';

import { setting } from '../shared/settings/kinds.ts';
import type { SettingProblem } from '../shared/settings/settings.ts';
import { isSocketPath } from '../shared/unix-socket-path.ts';

/** What the hub speaks over this agent's streams. Over TLS it is HTTP/1.1: the agent offers nothing else. */
type OriginProtocol = 'http/1.1' | 'h2c';

export type OriginAddress = {
  /** As its owner wrote it, for logs. */
  readonly url: string;
  readonly protocol: OriginProtocol;
  /** Each connection begins with the visitor's address (PROXY protocol, version 2). */
  readonly sendsProxyHeader?: boolean;
} & (
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number }
  | {
      readonly kind: 'tls';
      readonly hostname: string;
      readonly port: number;
      readonly trust: OriginTrust;
    }
  | { readonly kind: 'unix'; readonly path: string }
);

/** A pin stands for the whole check: a NAS signs for itself, and its certificate has run out. */
export type OriginTrust =
  | { readonly pin: CertificatePin }
  /** PEM; undefined: those of the system. */
  | { readonly authorities: readonly string[] | undefined };

export interface CertificatePin {
  /** SHA-256 of the SubjectPublicKeyInfo, which survives a renewal with the same key, or of the whole certificate. */
  readonly of: 'key' | 'certificate';
  readonly digest: Buffer;
}

/** An address that has no trust yet: that comes with other settings. */
type BareAddress = Exclude<OriginAddress, { kind: 'tls' }> | Bare<OriginAddress & { kind: 'tls' }>;
type Bare<Address> = Omit<Address, 'trust'>;

export const originUrl: z.ZodType<BareAddress, string> = setting(
  {
    expected:
      "the media server's address: http://, https:// or h2c:// with a host and at most a port, or unix: with an absolute path",
    remedy: 'write http://127.0.0.1 with the port of the media server, or unix:/run/server.sock',
  },
  parseOrigin,
);

export const originPin: z.ZodType<CertificatePin, string> = setting(
  {
    expected: 'sha256/ and the base64 SHA-256 of a public key, or the hex SHA-256 of a certificate',
    remedy: 'copy it from `phlix-agent doctor`, and compare it with what the media server shows',
  },
  parsePin,
);

/** Read at once, so that a wrong path is told with every other wrong setting. */
export const certificates: z.ZodType<readonly string[], string> = setting(
  {
    expected: 'a readable file with certificates in PEM form',
    remedy: "give it the path of the certificate of the media server's authority",
  },
  readCertificates,
);

export interface OriginSettings {
  readonly PHLIX_ORIGIN_URL?: BareAddress | undefined;
  readonly PHLIX_ORIGIN_CA_FILE?: readonly string[] | undefined;
  readonly PHLIX_ORIGIN_PIN?: CertificatePin | undefined;
  readonly PHLIX_ORIGIN_PROXY_PROTOCOL?: boolean | undefined;
}

export function originAddress(
  settings: OriginSettings & { PHLIX_ORIGIN_URL: BareAddress },
): OriginAddress {
  const address = settings.PHLIX_ORIGIN_URL;
  if (address.kind !== 'tls') {
    return settings.PHLIX_ORIGIN_PROXY_PROTOCOL === true
      ? { ...address, sendsProxyHeader: true }
      : address;
  }
  const pin = settings.PHLIX_ORIGIN_PIN;
  const trust = pin === undefined ? { authorities: settings.PHLIX_ORIGIN_CA_FILE } : { pin };
  return { ...address, trust };
}

/** What each setting says is right, and together they contradict each other. */
export function originProblems(settings: OriginSettings): SettingProblem[] {
  return [...trustProblems(settings), ...proxyProblems(settings)];
}

function proxyProblems(settings: OriginSettings): SettingProblem[] {
  if (settings.PHLIX_ORIGIN_PROXY_PROTOCOL !== true) return [];
  const { kind, protocol } = settings.PHLIX_ORIGIN_URL ?? { kind: 'tcp', protocol: 'http/1.1' };
  if (kind !== 'tls' && protocol === 'http/1.1') return [];
  const why =
    kind === 'tls'
      ? 'the PROXY header cannot be sent in front of TLS'
      : 'visitors share the connections of an h2c:// origin, and the header names one of them';
  return [
    {
      name: 'PHLIX_ORIGIN_PROXY_PROTOCOL',
      expected: why,
      remedy: 'unset it, or write PHLIX_ORIGIN_URL with http:// or unix:',
    },
  ];
}

function trustProblems(settings: OriginSettings): SettingProblem[] {
  const isSecure = settings.PHLIX_ORIGIN_URL?.kind === 'tls';
  const given = (['PHLIX_ORIGIN_CA_FILE', 'PHLIX_ORIGIN_PIN'] as const).filter(
    (name) => settings[name] !== undefined,
  );
  if (!isSecure) {
    return given.map((name) => ({
      name,
      expected: 'only an https:// origin shows a certificate',
      remedy: 'unset it, or write PHLIX_ORIGIN_URL with https://',
    }));
  }
  if (given.length < 2) return [];
  return [
    {
      name: 'PHLIX_ORIGIN_PIN',
      expected: 'a pin takes the place of every authority',
      remedy: 'unset it, or unset PHLIX_ORIGIN_CA_FILE',
    },
  ];
}

function parseOrigin(given: string): BareAddress | undefined {
  const path = /^unix:(?:\/\/(?=\/))?(\/.+)$/i.exec(given)?.[1];
  if (path !== undefined) {
    if (!isSocketPath(path)) return undefined;
    return { url: `unix:${path}`, protocol: 'http/1.1', kind: 'unix', path };
  }
  const scheme = /^(https?|h2c):\/\//i.exec(given)?.[1]?.toLowerCase();
  // h2c is nobody's scheme: read as http, so that host and port follow the same rules.
  const url = scheme === undefined ? null : URL.parse(given.replace(/^h2c:/i, 'http:'));
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return undefined;
  const hostname = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (hostname === '') return undefined;
  const place = {
    hostname,
    port: Number(url.port || (scheme === 'https' ? 443 : 80)),
    url: `${scheme}://${url.host}`,
  };
  if (scheme === 'https') return { ...place, kind: 'tls', protocol: 'http/1.1' };
  return { ...place, kind: 'tcp', protocol: scheme === 'h2c' ? 'h2c' : 'http/1.1' };
}

function parsePin(given: string): CertificatePin | undefined {
  const text = /^sha256\/(.+)$/i.exec(given.trim())?.[1];
  if (text === undefined) return undefined;
  // As `openssl x509 -fingerprint -sha256` prints it.
  const hex = text.replaceAll(':', '');
  if (/^[0-9a-f]{64}$/i.test(hex)) return { of: 'certificate', digest: Buffer.from(hex, 'hex') };
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  return { of: 'key', digest: Buffer.from(text, 'base64') };
}

function readCertificates(path: string): readonly string[] | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    // Parsed here because OpenSSL passes over what it cannot read, and then trusts nobody without a word.
    const found = blocks.map((block) => new X509Certificate(block).toString());
    return found.length > 0 ? found : undefined;
  } catch {
    return undefined;
  }
}
