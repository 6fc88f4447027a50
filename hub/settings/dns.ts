// The HUB_DNS_ settings arrive; who writes the records that prove names by dns-01, and who is asked whether they are seen, leaves.

import type { z } from 'zod';

import { parseAddress } from '../../shared/net-address.ts';
import { parseListenAddress, type ListenAddress } from '../../shared/listen-address.ts';
import { choice, flag, list, path, secret, setting, text } from '../../shared/settings/kinds.ts';
import type { Environment, SettingProblem } from '../../shared/settings/settings.ts';
import type { CaaRecord } from '../certificates/dns/caa.ts';
import type { TxtRecord } from '../certificates/dns/provider.ts';
import { tsigAlgorithms, type DnsProviderSettings } from '../certificates/dns/provider-settings.ts';
import { domainNameOf } from './names.ts';

export interface DnsSettings {
  readonly provider: DnsProviderSettings | ResponderSettings;
  /** Undefined: the machine's own. */
  readonly resolvers: readonly string[] | undefined;
  readonly asksResolversOnly: boolean;
}

/** The hub itself answers for zones that were delegated to it. */
export interface ResponderSettings {
  readonly kind: 'responder';
  readonly listen: readonly ListenAddress[];
  readonly zones: readonly string[];
  /** What the zones' NS records name; undefined: the hub's own name. */
  readonly serverName: string | undefined;
  /** Of this hub, from outside. */
  readonly addresses: readonly string[];
  /** Who may sign for the zones' names. */
  readonly caa: readonly CaaRecord[];
  /** Of the operator's own, beside the proofs. */
  readonly texts: readonly TxtRecord[];
}

const providers = [
  'rfc2136',
  'cloudflare',
  'route53',
  'hetzner',
  'desec',
  'digitalocean',
  'exec',
  'httpreq',
  'responder',
] as const;
type Provider = (typeof providers)[number];

const domainName = setting(
  { expected: 'a domain name', remedy: 'write example.org' },
  domainNameOf,
);

const zones = list(
  { expected: 'zones, separated by commas', remedy: 'write acme.example.org,films.example.net' },
  domainNameOf,
);

const addresses = list(
  { expected: 'IP addresses, separated by commas', remedy: 'write 192.0.2.7,2001:db8::7' },
  parseAddress,
);

const listens = list(
  {
    expected: 'addresses to listen on, separated by commas',
    remedy: 'write :53 for every interface, or 192.0.2.7:53,[2001:db8::7]:53',
  },
  parseListenAddress,
);

const caaRecords = list(
  {
    expected: 'CAA records, separated by commas',
    remedy: 'write issue letsencrypt.org; validationmethods=dns-01',
  },
  caaRecordOf,
);

const textRecords = list(
  {
    expected: 'TXT records, separated by commas',
    remedy: 'write _psl.films.example.org=https://example.org/request',
  },
  textRecordOf,
);

const server = setting(
  {
    expected: 'a name server: a name or an address, and at most a port',
    remedy: 'write ns1.example.org, 192.0.2.53:5353 or [2001:db8::53]:53',
  },
  (text) => hostAndPort(text, 53),
);

const resolvers = list(
  { expected: 'resolvers, separated by commas', remedy: 'write 192.0.2.53 or 127.0.0.1:5353' },
  (item) => {
    const place = hostAndPort(item, 53);
    return place !== undefined && parseAddress(place.host) !== undefined ? item : undefined;
  },
);

const hookUrl = setting(
  { expected: 'a URL, http:// or https://', remedy: 'write https://dns.example.org/hook' },
  (text) => {
    const url = URL.parse(text);
    const isPlain = url?.username === '' && url.password === '' && url.search === '';
    return url !== null && isPlain && /^https?:$/.test(url.protocol) ? url : undefined;
  },
);

export const dnsSettings = {
  HUB_DNS_PROVIDER: choice(providers).optional(),
  HUB_DNS_RESOLVERS: resolvers.optional(),
  HUB_DNS_RESOLVERS_ONLY: flag().optional(),
  HUB_DNS_RFC2136_SERVER: server.optional(),
  HUB_DNS_RFC2136_ZONE: domainName.optional(),
  HUB_DNS_RFC2136_KEY_NAME: domainName.optional(),
  HUB_DNS_RFC2136_KEY: secret().optional(),
  HUB_DNS_RFC2136_ALGORITHM: choice(tsigAlgorithms).optional(),
  HUB_DNS_CLOUDFLARE_TOKEN: secret().optional(),
  HUB_DNS_ROUTE53_ACCESS_KEY_ID: text(128).optional(),
  HUB_DNS_ROUTE53_SECRET_ACCESS_KEY: secret().optional(),
  HUB_DNS_ROUTE53_SESSION_TOKEN: secret().optional(),
  HUB_DNS_ROUTE53_ZONE_ID: text(64).optional(),
  HUB_DNS_HETZNER_TOKEN: secret().optional(),
  HUB_DNS_HETZNER_API: choice(['cloud', 'console']).optional(),
  HUB_DNS_DESEC_TOKEN: secret().optional(),
  HUB_DNS_DIGITALOCEAN_TOKEN: secret().optional(),
  HUB_DNS_EXEC_PATH: path().optional(),
  HUB_DNS_EXEC_RAW: flag().optional(),
  HUB_DNS_HTTPREQ_URL: hookUrl.optional(),
  HUB_DNS_HTTPREQ_USER: text(200).optional(),
  HUB_DNS_HTTPREQ_PASSWORD: secret().optional(),
  HUB_DNS_HTTPREQ_RAW: flag().optional(),
  HUB_DNS_RESPONDER_ZONES: zones.optional(),
  HUB_DNS_RESPONDER_LISTEN: listens.optional(),
  HUB_DNS_RESPONDER_NAME: domainName.optional(),
  HUB_DNS_RESPONDER_ADDRESSES: addresses.optional(),
  HUB_DNS_RESPONDER_CAA: caaRecords.optional(),
  HUB_DNS_RESPONDER_TXT: textRecords.optional(),
} as const;

type Settings = z.output<z.ZodObject<typeof dnsSettings>>;

/** Undefined without a provider, and while something is missing that `dnsProblems` names. */
export function dnsOf(settings: Settings, environment: Environment): DnsSettings | undefined {
  const kind = settings.HUB_DNS_PROVIDER;
  const provider = kind && readers[kind](settings, environment);
  return (
    provider && {
      provider,
      resolvers: settings.HUB_DNS_RESOLVERS,
      asksResolversOnly: settings.HUB_DNS_RESOLVERS_ONLY ?? false,
    }
  );
}

export function dnsProblems(settings: Settings): SettingProblem[] {
  const provider = settings.HUB_DNS_PROVIDER;
  const needed = provider === undefined ? [] : required[provider];
  const isSet = (name: string): boolean => settings[name as keyof Settings] !== undefined;
  return [
    ...needed
      .filter((name) => !isSet(name))
      .map((name) => ({
        name,
        expected: `required with HUB_DNS_PROVIDER=${provider}`,
        remedy: 'it is not set',
      })),
    ...Object.keys(settings)
      .filter((name) => isOfAnother(name, provider) && isSet(name))
      .map((name) => ({
        name,
        expected: `not read with HUB_DNS_PROVIDER=${provider ?? ''}`,
        remedy: 'unset it, or choose the provider that it belongs to',
      })),
    ...pairProblems(settings),
  ];
}

const required: Record<Provider, readonly (keyof Settings)[]> = {
  rfc2136: ['HUB_DNS_RFC2136_SERVER'],
  cloudflare: ['HUB_DNS_CLOUDFLARE_TOKEN'],
  route53: ['HUB_DNS_ROUTE53_ACCESS_KEY_ID', 'HUB_DNS_ROUTE53_SECRET_ACCESS_KEY'],
  hetzner: ['HUB_DNS_HETZNER_TOKEN'],
  desec: ['HUB_DNS_DESEC_TOKEN'],
  digitalocean: ['HUB_DNS_DIGITALOCEAN_TOKEN'],
  exec: ['HUB_DNS_EXEC_PATH'],
  httpreq: ['HUB_DNS_HTTPREQ_URL'],
  responder: ['HUB_DNS_RESPONDER_ZONES', 'HUB_DNS_RESPONDER_ADDRESSES'],
};

/** `HUB_DNS_CLOUDFLARE_TOKEN` beside another provider, or beside none. */
function isOfAnother(name: string, provider: Provider | undefined): boolean {
  const owner = providers.find((each) => name.startsWith(`HUB_DNS_${each.toUpperCase()}_`));
  return owner !== undefined && owner !== provider;
}

function pairProblems(settings: Settings): SettingProblem[] {
  const pairs = [
    ['HUB_DNS_RFC2136_KEY_NAME', 'HUB_DNS_RFC2136_KEY'],
    ['HUB_DNS_HTTPREQ_USER', 'HUB_DNS_HTTPREQ_PASSWORD'],
  ] as const;
  return pairs.flatMap(([one, other]) => {
    const missing = settings[one] === undefined ? one : other;
    if ((settings[one] === undefined) === (settings[other] === undefined)) return [];
    const expected = `${one} and ${other} belong together`;
    return [{ name: missing, expected, remedy: 'set both or neither' }];
  });
}

type Read = (settings: Settings, environment: Environment) => DnsSettings['provider'] | undefined;

/** Each gives nothing while a setting that it needs is missing. */
const readers: Record<Provider, Read> = {
  rfc2136: (settings) => {
    const { HUB_DNS_RFC2136_SERVER: place, HUB_DNS_RFC2136_ZONE: zone } = settings;
    return place && { kind: 'rfc2136', server: place, zone, key: tsigKeyOf(settings) };
  },
  cloudflare: ({ HUB_DNS_CLOUDFLARE_TOKEN: token }) => token && { kind: 'cloudflare', token },
  route53: (settings) => {
    const accessKeyId = settings.HUB_DNS_ROUTE53_ACCESS_KEY_ID;
    const secretAccessKey = settings.HUB_DNS_ROUTE53_SECRET_ACCESS_KEY;
    if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
    const sessionToken = settings.HUB_DNS_ROUTE53_SESSION_TOKEN;
    const hostedZoneId = settings.HUB_DNS_ROUTE53_ZONE_ID;
    return { kind: 'route53', accessKeyId, secretAccessKey, sessionToken, hostedZoneId };
  },
  hetzner: ({ HUB_DNS_HETZNER_TOKEN: token, HUB_DNS_HETZNER_API: api = 'cloud' }) =>
    token && { kind: 'hetzner', token, api },
  desec: ({ HUB_DNS_DESEC_TOKEN: token }) => token && { kind: 'desec', token },
  digitalocean: ({ HUB_DNS_DIGITALOCEAN_TOKEN: token }) => token && { kind: 'digitalocean', token },
  exec: ({ HUB_DNS_EXEC_PATH: file, HUB_DNS_EXEC_RAW: isRaw }, environment) =>
    file === undefined ? undefined : { kind: 'exec', path: file, isRaw, environment },
  httpreq: (settings) => {
    const { HUB_DNS_HTTPREQ_URL: url, HUB_DNS_HTTPREQ_USER: user } = settings;
    const { HUB_DNS_HTTPREQ_PASSWORD: password, HUB_DNS_HTTPREQ_RAW: isRaw } = settings;
    return url && { kind: 'httpreq', url, user, password, isRaw };
  },
  responder: (settings) => {
    const names = settings.HUB_DNS_RESPONDER_ZONES;
    const own = settings.HUB_DNS_RESPONDER_ADDRESSES;
    if (names === undefined || own === undefined) return undefined;
    return {
      kind: 'responder',
      listen: settings.HUB_DNS_RESPONDER_LISTEN ?? [{ host: undefined, port: 53 }],
      zones: names,
      serverName: settings.HUB_DNS_RESPONDER_NAME,
      addresses: own,
      caa: settings.HUB_DNS_RESPONDER_CAA ?? [],
      texts: settings.HUB_DNS_RESPONDER_TXT ?? [],
    };
  },
};

function tsigKeyOf(settings: Settings) {
  const { HUB_DNS_RFC2136_KEY_NAME: name, HUB_DNS_RFC2136_KEY: key } = settings;
  const algorithm = settings.HUB_DNS_RFC2136_ALGORITHM ?? 'hmac-sha256';
  return name === undefined || key === undefined ? undefined : { name, secret: key, algorithm };
}

/** RFC 8659 §4.1.1, as zone files write it or without flags and quotes: `issue letsencrypt.org; validationmethods=dns-01`. */
function caaRecordOf(text: string): CaaRecord | undefined {
  const match = /^(?:(\d{1,3}) +)?(issue|issuewild|iodef) +(?:"([^"]*)"|([^"]+))$/i.exec(text);
  const flags = Number(match?.[1] ?? 0);
  const value = match?.[3] ?? match?.[4];
  if (match?.[2] === undefined || value === undefined || flags > 255) return undefined;
  return { flags, tag: match[2].toLowerCase(), value };
}

/** The name before the first `=`; what stands behind it may have more of them. */
function textRecordOf(text: string): TxtRecord | undefined {
  const match = /^((?:_[a-z0-9-]+\.)*)([^=\s]+)=(.+)$/i.exec(text);
  const domain = match?.[2] === undefined ? undefined : domainNameOf(match[2]);
  if (match?.[3] === undefined || domain === undefined) return undefined;
  return { name: `${match[1]?.toLowerCase() ?? ''}${domain}`, value: match[3] };
}

/** `ns1.example.org`, `192.0.2.53`, `ns1.example.org:5353`, `[2001:db8::53]:53`. */
function hostAndPort(text: string, usual: number): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const written = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? usual);
  if (written === undefined || port < 1 || port > 65_535) return undefined;
  const host = parseAddress(written) ?? domainNameOf(written);
  return host === undefined || (match?.[1] !== undefined) !== host.includes(':')
    ? undefined
    : { host, port };
}
