// A name arrives; the zones that may hold it leave, the longest first, and its name inside one of them.

import { DnsError } from './failure.ts';

/** Letters, digits, `-`, `_` in labels: what may go into the path of an API. A CNAME of a stranger can hold any byte. */
export function isPlainName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name);
}

/** `a.b.example.org` -> itself, `b.example.org`, `example.org`. Nobody holds a top-level domain at a provider. */
export function candidateZones(name: string): string[] {
  const labels = name.split('.');
  return labels.slice(0, -1).map((_, from) => labels.slice(from).join('.'));
}

/** The first candidate that the provider has. @throws DnsError `dns.zone-unknown` */
export async function findZone<Zone>(
  provider: string,
  name: string,
  lookUp: (candidate: string) => Promise<Zone | undefined>,
): Promise<Zone> {
  if (!isPlainName(name)) throw zoneUnknown(provider, name);
  for (const candidate of candidateZones(name)) {
    const zone = await lookUp(candidate);
    if (zone !== undefined) return zone;
  }
  throw zoneUnknown(provider, name);
}

export function zoneUnknown(provider: string, name: string): DnsError {
  const message = `No zone of this ${provider} account holds ${name}: add the domain there, let the token see its zone, or point ${name} by CNAME into a zone that it has.`;
  return new DnsError('dns.zone-unknown', message);
}

/** `_acme-challenge.a.example.org` in `example.org` -> `_acme-challenge.a`; the zone's own name -> `@`. */
export function nameInZone(name: string, zone: string): string {
  if (name === zone) return '@';
  if (name.endsWith(`.${zone}`)) return name.slice(0, -zone.length - 1);
  // A proof at a name that is cut in the wrong place would stand where nobody looks, or overwrite something.
  const message = `The provider says that ${name} is in the zone ${zone}, which it is not: check that the hub speaks with the right API.`;
  throw new DnsError('dns.bad-answer', message);
}

/** As zone files and most APIs write it (RFC 1035 §5.1). */
export function quoteTxt(value: string): string {
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** Some APIs give back what was sent, some put it in quotes. */
export function holdsTxt(content: string, value: string): boolean {
  return content === value || content === quoteTxt(value);
}
