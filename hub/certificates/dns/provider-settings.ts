// What an operator wrote about his DNS leaves here, checked: hub/settings reads it, the providers are opened with it.

import type { Secret } from '../../../shared/settings/secret.ts';

/** `responder` is not among them: it is a part of the hub and not a provider somewhere else. */
export type DnsProviderSettings =
  | Rfc2136Settings
  | CloudflareSettings
  | Route53Settings
  | HetznerSettings
  | DesecSettings
  | DigitalOceanSettings
  | ExecSettings
  | HttpreqSettings;

export interface Rfc2136Settings {
  readonly kind: 'rfc2136';
  readonly server: { readonly host: string; readonly port: number };
  /** Undefined: the one whose SOA answers for the name. */
  readonly zone: string | undefined;
  /** Undefined: the server knows the hub by its address. */
  readonly key: TsigKey | undefined;
}

/** RFC 8945. */
export interface TsigKey {
  readonly name: string;
  /** base64, as key files have it. */
  readonly secret: Secret;
  readonly algorithm: TsigAlgorithm;
}

export const tsigAlgorithms = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512', 'hmac-sha1'] as const;
export type TsigAlgorithm = (typeof tsigAlgorithms)[number];

export interface CloudflareSettings extends ApiSettings {
  readonly kind: 'cloudflare';
  /** With Zone:Read and DNS:Edit; the account's global key is another thing and not taken. */
  readonly token: Secret;
}

export interface Route53Settings extends ApiSettings {
  readonly kind: 'route53';
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of temporary credentials. */
  readonly sessionToken: Secret | undefined;
  /** Undefined: the one with the longest name above the record's. */
  readonly hostedZoneId: string | undefined;
}

export interface HetznerSettings extends ApiSettings {
  readonly kind: 'hetzner';
  readonly token: Secret;
  /** Zones that were not moved yet live behind the console's older interface, which has tokens of its own. */
  readonly api: 'cloud' | 'console';
}

export interface DesecSettings extends ApiSettings {
  readonly kind: 'desec';
  readonly token: Secret;
}

export interface DigitalOceanSettings extends ApiSettings {
  readonly kind: 'digitalocean';
  readonly token: Secret;
}

/** Called as `<path> present|cleanup <fqdn> <value>`, as lego's `exec` is. */
export interface ExecSettings extends HookSettings {
  readonly kind: 'exec';
  readonly path: string;
  /** The hub's own. The hook gets it without what is the hub's alone; unset: a path and nothing else. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** POST <url>/present and <url>/cleanup, as lego's `httpreq` has it. */
export interface HttpreqSettings extends HookSettings {
  readonly kind: 'httpreq';
  readonly url: URL;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
}

interface ApiSettings {
  /** Unset: the provider's public API. */
  readonly baseUrl?: string | undefined;
}

interface HookSettings {
  /** lego's RAW mode: domain, token and key authorization instead of the record's name and value. */
  readonly isRaw?: boolean | undefined;
}
