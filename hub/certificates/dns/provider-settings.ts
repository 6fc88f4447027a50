// What an operator wrote about his DNS leaves here, checked: hub/settings reads it, the providers are opened with it.

import type { Secret } from '../../../shared/settings/secret.ts';

/** `responder` is not among them: it is a part of the hub and not a provider somewhere else. */
export type DnsProviderSettings =
  | Rfc2136Settings
  | { readonly kind: 'cloudflare'; readonly token: Secret }
  | Route53Settings
  /** Zones that were not moved yet live behind the console's older interface. */
  | { readonly kind: 'hetzner'; readonly token: Secret; readonly api: 'cloud' | 'console' }
  | { readonly kind: 'desec'; readonly token: Secret }
  | { readonly kind: 'digitalocean'; readonly token: Secret }
  /** Called as `<path> present|cleanup <fqdn> <value>`, as lego's `exec` is. */
  | { readonly kind: 'exec'; readonly path: string }
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

export interface Route53Settings {
  readonly kind: 'route53';
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of temporary credentials. */
  readonly sessionToken: Secret | undefined;
  /** Undefined: the one with the longest name above the record's. */
  readonly hostedZoneId: string | undefined;
}

/** POST <url>/present and <url>/cleanup, as lego's `httpreq` has it. */
export interface HttpreqSettings {
  readonly kind: 'httpreq';
  readonly url: URL;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
}
