// Labels, hostnames and free-text names arrive; what they are to this hub leaves: the grammar of security row D-06.

import { TunnelError } from './tunnel-error.ts';

/** Why a label cannot be given to anybody. */
export type LabelFault = 'name.invalid' | 'name.reserved';

const maxLabelLength = 32;
const grammar = /^[a-z0-9]([a-z0-9-]{1,30}[a-z0-9])$/;

/** Names that mail, discovery protocols or people take for the operator's own. */
const reserved = new Set(
  `hub api admin administrator auth login logout signin account accounts sso oauth id mail mx smtp imap pop pop3 webmail
  autodiscover autoconfig wpad isatap localhost localdomain broadcasthost hostmaster postmaster webmaster abuse security
  root ssl tls cert acme status support help billing blog docs static assets cdn ftp dns tunnel gateway relay phlix
  example test invalid local internal any all none null undefined`.split(/\s+/),
);
/** `ns*` and `www*` of D-06; `_*` cannot pass the grammar. */
const reservedPrefixes = ['ns', 'www'];

/** undefined: the label may be claimed. `taken` holds labels that this hub uses itself, such as its own host's. */
export function labelFault(label: string, taken: readonly string[] = []): LabelFault | undefined {
  // "--" at the third place marks an encoded name (RFC 5891 §4.2.3.1); digits alone read as part of an address.
  if (!grammar.test(label) || label.slice(2, 4) === '--' || /^\d+$/.test(label)) {
    return 'name.invalid';
  }
  const isReserved =
    reserved.has(label) ||
    taken.includes(label) ||
    reservedPrefixes.some((prefix) => label.startsWith(prefix));
  return isReserved ? 'name.reserved' : undefined;
}

/** @throws TunnelError name.invalid | name.reserved */
export function requireLabel(label: string, taken: readonly string[] = []): void {
  const fault = labelFault(label, taken);
  if (fault === 'name.invalid') {
    throw new TunnelError(
      fault,
      `${JSON.stringify(label.slice(0, 64))} is no name for a server: use 3 to ${maxLabelLength} letters a-z, digits and single hyphens, beginning and ending with a letter or digit, not digits alone`,
    );
  }
  if (fault === 'name.reserved') {
    throw new TunnelError(fault, `${label} is reserved for the hub: choose another name`);
  }
}

export function hostnameOf(label: string, tenantDomain: string): string {
  return `${label}.${tenantDomain}`;
}

/** The label of a tenant's hostname, in any case and with or without the root's dot; undefined for every other host. */
export function labelOf(hostname: string, tenantDomain: string): string | undefined {
  const host = hostname.toLowerCase().replace(/\.$/, '');
  const suffix = `.${tenantDomain}`;
  if (!host.endsWith(suffix)) {
    return undefined;
  }
  const label = host.slice(0, -suffix.length);
  return grammar.test(label) ? label : undefined;
}

/** Letters that Unicode does not decompose into a base letter and a mark. */
const spelledOut: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ł: 'l',
  þ: 'th',
  ı: 'i',
};

/** `Élodie's Movies!` -> `elodies-movies`; undefined when nothing claimable is left (`映画`, `42`, `Hub`). */
export function labelFromName(name: string, taken: readonly string[] = []): string | undefined {
  const label = name
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(/[\p{M}'’`]/gu, '')
    .replaceAll(/[ßæœøđðłþı]/g, (letter) => spelledOut[letter] ?? '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, maxLabelLength + 1)
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, maxLabelLength)
    .replace(/-$/, '');
  return labelFault(label, taken) === undefined ? label : undefined;
}
