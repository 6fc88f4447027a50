// What somebody wrote as his domain arrives; the one hostname it means leaves, or the refusal: the grammar of names that are not the hub's.

import { isIP } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';

import { DomainError } from './domain-error.ts';
import { proofLabel } from './domain.ts';
import type { PublicSuffixes } from './public-suffixes.ts';

/** Names that are the hub's, with everything below them. */
export interface OwnNames {
  readonly hubHost: string;
  readonly tenantDomain: string;
}

/**
 * `https://Films.Example.ORG/` -> `films.example.org`, `кино.example` -> `xn--h1aax.example`.
 * @throws DomainError domain.invalid | domain.reserved
 */
export function domainName(written: string, own: OwnNames, suffixes?: PublicSuffixes): string {
  const host = hostOf(written.trim());
  const said = JSON.stringify(written.trim().slice(0, 80));
  if (host.includes('*')) {
    throw invalid(said, 'a star stands for names that nobody proved: add each name by itself');
  }
  // It would cut a path off, and decode what is escaped.
  const hostname = notInNames.test(host) ? '' : domainToASCII(host).replace(/\.$/, '');
  // Also `127.1` and `0x7f.1`, which are addresses to a browser (WHATWG URL, "ends in a number").
  if (isIP(host) !== 0 || isIP(hostname) !== 0 || host.startsWith('[')) {
    throw invalid(said, 'an address has no certificate: add a name, such as films.example.org');
  }
  if (!isHostname(hostname)) {
    throw invalid(said, 'write a name such as films.example.org, without a port or a path');
  }
  const lastLabel = hostname.slice(hostname.lastIndexOf('.') + 1);
  if (undelegated.has(lastLabel)) {
    throw invalid(said, `.${lastLabel} is not in the DNS, so it could never be proven`);
  }
  if (!hostname.includes('.') || suffixes?.has(hostname) === true) {
    throw invalid(said, `it is a suffix that many share: add a name below it that is yours`);
  }
  refuseOwn(hostname, own);
  return hostname;
}

/** As people read it: `xn--h1aax.example` is `кино.example`. */
export function readableName(hostname: string): string {
  return domainToUnicode(hostname) || hostname;
}

const notInNames = /[\s%/:?#@\\]/;

/** A whole URL is what people copy from the address bar. */
function hostOf(written: string): string {
  return URL.parse(written)?.hostname || written;
}

function isHostname(name: string): boolean {
  // Room for the proof's name before it (RFC 1035 §2.3.4: 253 characters).
  if (name.length === 0 || name.length > 253 - proofLabel.length - 1) return false;
  return name.split('.').every((label) => labelPattern.test(label) && isClear(label));
}

/** LDH labels of RFC 1123 §2.1. */
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** An encoded label that does not decode, or decodes to what would be written otherwise, is a trick (RFC 5891 §5.4). */
function isClear(label: string): boolean {
  if (!label.startsWith('xn--')) return true;
  const readable = domainToUnicode(label);
  return readable !== label && readable !== '' && domainToASCII(readable) === label;
}

/** RFC 6761, 6762, 7686 and 9476. A private authority may serve `.internal` or `.test`, so those are let through. */
const undelegated = new Set(['alt', 'invalid', 'local', 'localhost', 'onion']);

/** What lies below the hub's names is allocated by it, and proven by nobody. */
function refuseOwn(hostname: string, { hubHost, tenantDomain }: OwnNames): void {
  const own = [hubHost, tenantDomain].find(
    (name) => hostname === name || hostname.endsWith(`.${name}`),
  );
  if (own === undefined) return;
  const remedy =
    own === tenantDomain
      ? 'give the server another label instead: phlix-hub servers rename'
      : 'add a name of your own domain';
  throw new DomainError('domain.reserved', `${hostname} belongs to the hub: ${remedy}`);
}

function invalid(said: string, remedy: string): DomainError {
  return new DomainError('domain.invalid', `${said} is no domain that can be served: ${remedy}`);
}
