// The HUB_ACME_ settings arrive; which authorities sign for the hub, and how it proves its names to them, leaves.

import type { z } from 'zod';

import { choice, flag, path, secret, setting, text } from '../../shared/settings/kinds.ts';
import type { Secret } from '../../shared/settings/secret.ts';
import type { Environment, SettingProblem } from '../../shared/settings/settings.ts';
import type { ChallengeKind } from '../certificates/challenges/solver.ts';
import { dnsProblems, dnsOf, type DnsSettings, type dnsSettings } from './dns.ts';
import type { tlsSettings } from './tls.ts';

export interface AcmeTls {
  readonly kind: 'acme';
  readonly authority: AuthoritySettings;
  /** Asked when the first one fails for long, and for servers whose owner chose it. */
  readonly fallback: AuthoritySettings | undefined;
  /** For the hub's own names. With dns-01 one wildcard serves all servers, else each has a certificate of its own. */
  readonly challenge: ChallengeKind;
  /** For domains of owners, whose DNS is not ours. */
  readonly domainChallenge: Exclude<ChallengeKind, 'dns-01'>;
  /** What the authority calls a kind of certificate: its own default where undefined. */
  readonly profile: string | undefined;
  readonly dns: DnsSettings | undefined;
}

export interface AuthoritySettings {
  readonly directoryUrl: string;
  /** Without `mailto:`. */
  readonly email: string | undefined;
  readonly externalAccount: ExternalAccount | undefined;
  /** PEM of authorities that vouch for its own TLS, beside the system's. */
  readonly caFile: string | undefined;
}

/** RFC 8555 §7.3.4: the account at the authority's own shop. */
interface ExternalAccount {
  readonly kid: string;
  readonly hmacKey: Secret;
}

const directories: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
  zerossl: 'https://acme.zerossl.com/v2/DV90',
  google: 'https://dv.acme-v02.api.pki.goog/directory',
};

/** Where orders of those are rehearsed: their certificates are trusted by nobody, and count towards no limit. */
const stagings: Readonly<Record<string, string | undefined>> = {
  letsencrypt: directories['letsencrypt-staging'],
  // Its staging wants an external account of its own, which nobody has beside that of the settings.
  google: undefined,
  zerossl: undefined,
};

/** Undefined: it has none. An authority of the operator's own is its own: nobody counts its orders. */
export function stagingOf(directoryUrl: string): string | undefined {
  const known = Object.keys(stagings).find((name) => directories[name] === directoryUrl);
  return known === undefined ? directoryUrl : stagings[known];
}

/** Those that take no account without one at their shop. */
const boundDirectories = ['zerossl', 'google'].map((name) => directories[name]);

const directory = setting(
  {
    expected: 'an authority: letsencrypt, letsencrypt-staging, zerossl, google, or an https:// URL',
    remedy: 'for another authority write the URL of its ACME directory',
  },
  (text) => {
    const known = Object.hasOwn(directories, text) ? directories[text] : undefined;
    if (known !== undefined) return known;
    const url = URL.parse(text);
    return url?.protocol === 'https:' && url.username === '' && url.hash === ''
      ? url.href
      : undefined;
  },
);

const email = setting(
  { expected: 'an e-mail address', remedy: 'write somebody@example.org, without mailto:' },
  (text) => (/^[^\s@:<>,]+@[^\s@:<>,]+\.[^\s@:<>,]+$/.test(text) ? text : undefined),
);

const profile = setting(
  {
    expected: "a profile's name",
    remedy: 'write tlsserver, or shortlived, as the authority has it',
  },
  (text) => (/^[\w.-]{1,64}$/.test(text) ? text : undefined),
);

const challengeKinds = ['dns-01', 'http-01', 'tls-alpn-01'] as const;

export const acmeSettings = {
  HUB_ACME_DIRECTORY: directory.optional(),
  HUB_ACME_EMAIL: email.optional(),
  HUB_ACME_AGREE_TERMS: flag().optional(),
  HUB_ACME_EAB_KID: text(200).optional(),
  HUB_ACME_EAB_HMAC_KEY: secret().optional(),
  HUB_ACME_PROFILE: profile.optional(),
  HUB_ACME_CA_FILE: path().optional(),
  HUB_ACME_CHALLENGE: choice(challengeKinds).optional(),
  HUB_ACME_FALLBACK_DIRECTORY: directory.optional(),
  HUB_ACME_FALLBACK_EAB_KID: text(200).optional(),
  HUB_ACME_FALLBACK_EAB_HMAC_KEY: secret().optional(),
} as const;

type AcmeSettings = z.output<
  z.ZodObject<typeof acmeSettings & typeof dnsSettings & typeof tlsSettings>
> & {
  readonly HUB_PUBLIC_URL?: URL | undefined;
  readonly HUB_TENANT_DOMAIN?: string | undefined;
  readonly HUB_HTTP_LISTEN?: unknown;
  readonly HUB_DATABASE_URL?: unknown;
  readonly HUB_SECRET_KEY?: unknown;
};

/** `environment`: what a DNS hook may see of it. */
export function acmeTls(settings: AcmeSettings, environment: Environment): AcmeTls {
  const shared = { email: settings.HUB_ACME_EMAIL, caFile: settings.HUB_ACME_CA_FILE };
  const fallback = settings.HUB_ACME_FALLBACK_DIRECTORY;
  return {
    kind: 'acme',
    authority: {
      ...shared,
      directoryUrl: directoryOf(settings),
      externalAccount: externalAccount(settings.HUB_ACME_EAB_KID, settings.HUB_ACME_EAB_HMAC_KEY),
    },
    fallback:
      fallback === undefined
        ? undefined
        : {
            ...shared,
            directoryUrl: fallback,
            externalAccount: externalAccount(
              settings.HUB_ACME_FALLBACK_EAB_KID,
              settings.HUB_ACME_FALLBACK_EAB_HMAC_KEY,
            ),
          },
    challenge: challengeOf(settings),
    domainChallenge: settings.HUB_HTTP_LISTEN === 'off' ? 'tls-alpn-01' : 'http-01',
    profile: settings.HUB_ACME_PROFILE,
    dns: dnsOf(settings, environment),
  };
}

export function acmeProblems(settings: AcmeSettings): SettingProblem[] {
  if (settings.HUB_TLS !== 'acme') return idleProblems(settings);
  return [
    ...requiredProblems(settings),
    ...authorityProblems(settings),
    ...challengeProblems(settings),
    ...dnsProblems(settings),
  ];
}

function directoryOf(settings: AcmeSettings): string {
  return settings.HUB_ACME_DIRECTORY ?? directories['letsencrypt'] ?? '';
}

function challengeOf(settings: AcmeSettings): ChallengeKind {
  if (settings.HUB_ACME_CHALLENGE !== undefined) return settings.HUB_ACME_CHALLENGE;
  if (settings.HUB_DNS_PROVIDER !== undefined) return 'dns-01';
  return settings.HUB_HTTP_LISTEN === 'off' ? 'tls-alpn-01' : 'http-01';
}

function externalAccount(
  kid: string | undefined,
  hmacKey: Secret | undefined,
): ExternalAccount | undefined {
  return kid === undefined || hmacKey === undefined ? undefined : { kid, hmacKey };
}

/** Whoever set them believes that certificates are taken care of. */
function idleProblems(settings: AcmeSettings): SettingProblem[] {
  // The resolvers are asked about owners' domains too.
  const idle = Object.keys(settings).filter(
    (name) => /^HUB_(ACME|DNS)_/.test(name) && !name.startsWith('HUB_DNS_RESOLVERS'),
  );
  const [first] = idle.filter((name) => settings[name as keyof AcmeSettings] !== undefined);
  if (first === undefined) return [];
  const expected = `${first} is read with HUB_TLS=acme only`;
  return [{ name: 'HUB_TLS', expected, remedy: `set HUB_TLS=acme, or unset ${first}` }];
}

function requiredProblems(settings: AcmeSettings): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const requires = (name: keyof AcmeSettings, expected: string, remedy: string): void => {
    if (settings[name] === undefined) problems.push({ name, expected, remedy });
  };
  const nobody = 'no authority signs the trial names of a hub without it';
  requires('HUB_PUBLIC_URL', nobody, "write the hub's public address, https://hub.example.org");
  requires('HUB_TENANT_DOMAIN', nobody, 'write the domain of the servers, films.example.org');
  if (settings.HUB_ACME_AGREE_TERMS !== true) {
    const expected = "1: you agree to the authority's terms of service";
    const remedy = 'read them at the authority (for the default: letsencrypt.org/repository)';
    problems.push({ name: 'HUB_ACME_AGREE_TERMS', expected, remedy });
  }
  if (settings.HUB_DATABASE_URL !== undefined) {
    requires(
      'HUB_SECRET_KEY',
      'required with HUB_DATABASE_URL: it seals private keys in a database that others may read',
      'make one with: openssl rand -base64 32, and give it to every process of this hub',
    );
  }
  return problems;
}

function authorityProblems(settings: AcmeSettings): SettingProblem[] {
  const fallback = settings.HUB_ACME_FALLBACK_DIRECTORY;
  const problems = [
    ...bindingProblems(settings, 'HUB_ACME', directoryOf(settings)),
    ...bindingProblems(settings, 'HUB_ACME_FALLBACK', fallback),
  ];
  if (fallback === directoryOf(settings)) {
    const expected = 'another authority than HUB_ACME_DIRECTORY';
    const remedy = 'name a second one, or unset it';
    problems.push({ name: 'HUB_ACME_FALLBACK_DIRECTORY', expected, remedy });
  }
  return problems;
}

function bindingProblems(
  settings: AcmeSettings,
  prefix: 'HUB_ACME' | 'HUB_ACME_FALLBACK',
  directoryUrl: string | undefined,
): SettingProblem[] {
  const [kidName, keyName] = [`${prefix}_EAB_KID`, `${prefix}_EAB_HMAC_KEY`] as const;
  const [kid, key] = [settings[kidName], settings[keyName]];
  if (directoryUrl === undefined && (kid ?? key) !== undefined) {
    const expected = `read with ${prefix}_DIRECTORY only`;
    return [{ name: kidName, expected, remedy: `set ${prefix}_DIRECTORY, or unset this` }];
  }
  if ((kid === undefined) !== (key === undefined)) {
    const name = kid === undefined ? kidName : keyName;
    const expected = `${kidName} and ${keyName} belong together`;
    return [{ name, expected, remedy: 'set both as the authority shows them, or neither' }];
  }
  if (kid !== undefined || !boundDirectories.includes(directoryUrl)) return [];
  const expected = 'this authority takes known customers only';
  const remedy = `make an account there, and set ${kidName} and ${keyName} as it shows them`;
  return [{ name: kidName, expected, remedy }];
}

function challengeProblems(settings: AcmeSettings): SettingProblem[] {
  const name = 'HUB_ACME_CHALLENGE';
  const challenge = settings.HUB_ACME_CHALLENGE;
  const provider = settings.HUB_DNS_PROVIDER;
  if (challenge === 'dns-01' && provider === undefined) {
    const expected = 'dns-01 needs somebody who writes records: HUB_DNS_PROVIDER';
    return [{ name, expected, remedy: 'set HUB_DNS_PROVIDER, or choose http-01' }];
  }
  if (challenge === 'http-01' && settings.HUB_HTTP_LISTEN === 'off') {
    const expected = 'http-01 needs port 80, and HUB_HTTP_LISTEN is off';
    return [{ name, expected, remedy: 'listen on :80, or choose tls-alpn-01' }];
  }
  // The responder also answers where servers are; any other provider would be believed and do nothing.
  const isIdle = provider !== undefined && provider !== 'responder';
  if (challenge !== undefined && challenge !== 'dns-01' && isIdle) {
    const expected = `HUB_DNS_PROVIDER is not used with ${challenge}`;
    return [{ name, expected, remedy: 'unset it, or choose dns-01' }];
  }
  return [];
}
