// What an operator wrote about his DNS arrives; the provider that does it leaves.

import { openCloudflare } from './cloudflare.ts';
import { Desec } from './desec.ts';
import { openDigitalOcean } from './digitalocean.ts';
import { Exec } from './exec.ts';
import { openHetzner } from './hetzner.ts';
import { Httpreq } from './httpreq.ts';
import type { DnsProvider } from './provider.ts';
import type { DnsProviderSettings } from './provider-settings.ts';
import { Rfc2136 } from './rfc2136.ts';
import { Route53 } from './route53.ts';

/** @throws DnsError `dns.misconfigured` */
export function openDnsProvider(settings: DnsProviderSettings): DnsProvider {
  switch (settings.kind) {
    case 'rfc2136':
      return new Rfc2136(settings);
    case 'cloudflare':
      return openCloudflare(settings);
    case 'route53':
      return new Route53(settings);
    case 'hetzner':
      return openHetzner(settings);
    case 'desec':
      return new Desec(settings);
    case 'digitalocean':
      return openDigitalOcean(settings);
    case 'exec':
      return new Exec(settings);
    case 'httpreq':
      break;
  }
  return new Httpreq(settings);
}
