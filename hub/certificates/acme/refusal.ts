// A problem document of an authority arrives; the error leaves in which a person reads what happened and what to change.

import type { ChallengeKind } from '../challenges/solver.ts';
import { AcmeError, type AcmeErrorCode, type Problem } from './problem.ts';

/** What the authority is called in messages, and what it says about itself. */
export interface Refuser {
  readonly host: string;
  /** Values of `issue` in CAA records that mean it (RFC 8555 §7.1.1, `caaIdentities`). */
  readonly caaIdentities: readonly string[];
}

/** An answer to a request of ours that says no. */
export interface Refusal {
  readonly status: number;
  readonly problem: Problem | undefined;
  readonly retryAfterMs: number | undefined;
}

export function requestRefused(refuser: Refuser, refusal: Refusal): AcmeError {
  const { status, problem, retryAfterMs } = refusal;
  const { code, remedy } = meaningOf(refuser, refusal);
  const said = problem === undefined ? `with HTTP status ${status}` : quoted(problem);
  return new AcmeError(code, `${refuser.host} refuses: ${said}. ${remedy}`, {
    problem,
    retryAfterMs,
  });
}

/** What it found when it looked for the proof of a name. */
export function proofRefused(
  refuser: Refuser,
  name: string,
  kind: ChallengeKind,
  problem: Problem | undefined,
): AcmeError {
  const { code, remedy } = proofMeaning(refuser, name, kind, problem);
  const said = problem === undefined ? 'it does not say why' : quoted(problem);
  const message = `${refuser.host} does not accept the proof for ${name} (${kind}): ${said}. ${remedy}`;
  return new AcmeError(code, message, { problem });
}

/** "34 hours": for a sentence, not for a clock. */
export function inWords(ms: number): string {
  const [unit, unitMs] =
    ms >= 2 * dayMs
      ? (['days', dayMs] as const)
      : ms >= 2 * hourMs
        ? (['hours', hourMs] as const)
        : ms >= 2 * minuteMs
          ? (['minutes', minuteMs] as const)
          : (['seconds', 1000] as const);
  const count = Math.round(ms / unitMs);
  return count <= 1 ? 'a second' : `${count} ${unit}`;
}

interface Meaning {
  readonly code: AcmeErrorCode;
  readonly remedy: string;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** What a person can do who runs a hub; types that only a faulty client meets fall through to its words. */
function meaningOf(refuser: Refuser, refusal: Refusal): Meaning {
  const { status, problem, retryAfterMs } = refusal;
  const when = retryAfterMs === undefined ? 'later' : `in ${inWords(retryAfterMs)}`;
  switch (problem?.type ?? '') {
    case 'rateLimited':
      return limited(when);
    case 'serverInternal':
      return unavailable(when);
    case 'badNonce':
      return { code: 'acme.nonce', remedy: 'The hub tries again by itself.' };
    case 'caa':
      return forbiddenByCaa(refuser, 'the name');
    case 'dns':
      return { code: 'acme.dns', remedy: 'Look at the DNS of these names.' };
    case 'externalAccountRequired':
      return {
        code: 'acme.account-binding',
        remedy: `It takes known customers only: get a key id and an HMAC key from its website, and set HUB_ACME_EAB_KID and HUB_ACME_EAB_HMAC_KEY.`,
      };
    case 'invalidContact':
    case 'unsupportedContact':
      return {
        code: 'acme.contact',
        remedy: 'Give it another address in HUB_ACME_EMAIL, or none.',
      };
    case 'userActionRequired':
      return {
        code: 'acme.terms',
        remedy: `Open ${problem?.instance ?? 'its website'} and agree to what it asks; the hub then goes on by itself.`,
      };
    case 'accountDoesNotExist':
      return { code: 'acme.account', remedy: 'The hub registers a new account by itself.' };
    case 'rejectedIdentifier':
    case 'unsupportedIdentifier':
      return {
        code: 'acme.rejected-name',
        remedy:
          'It signs no certificate for such a name: choose another one, or another authority.',
      };
    case 'invalidProfile':
      return { code: 'acme.profile', remedy: 'Choose another one in HUB_ACME_PROFILE, or none.' };
    default:
      return meaningOfStatus(status, when);
  }
}

/** A balancer or a maintenance page in front of the authority speaks no ACME. */
function meaningOfStatus(status: number, when: string): Meaning {
  if (status === 429) return limited(when);
  if (status >= 500) return unavailable(when);
  return {
    code: 'acme.refused',
    remedy:
      'The hub tries again, soon and then once a day; what it says has to be put right before.',
  };
}

function limited(when: string): Meaning {
  return {
    code: 'acme.rate-limited',
    remedy: `The hub asks again ${when}; until then it serves what it has.`,
  };
}

function unavailable(when: string): Meaning {
  return { code: 'acme.unavailable', remedy: `The hub asks again ${when}.` };
}

function forbiddenByCaa({ host, caaIdentities }: Refuser, name: string): Meaning {
  const identity = caaIdentities[0] ?? `<what ${host} names in its documentation>`;
  return {
    code: 'acme.caa',
    remedy: `A CAA record of ${name}, or of a domain above it, forbids this authority: add the record "0 issue ${identity}" (for a wildcard "0 issuewild ${identity}" if there is any issuewild), or use an authority that it allows.`,
  };
}

function proofMeaning(
  refuser: Refuser,
  name: string,
  kind: ChallengeKind,
  problem: Problem | undefined,
): Meaning {
  switch (problem?.type ?? '') {
    case 'caa':
      return forbiddenByCaa(refuser, name);
    case 'dns':
      return { code: 'acme.dns', remedy: dnsRemedies[kind](name) };
    case 'rateLimited':
      return limited('later');
    case 'serverInternal':
      return unavailable('later');
    case 'rejectedIdentifier':
      return meaningOf(refuser, { status: 400, problem, retryAfterMs: undefined });
    default:
      return { code: 'acme.not-proved', remedy: proofRemedies[kind](name) };
  }
}

/** The authority could not look the name up at all. */
const dnsRemedies: Record<ChallengeKind, (name: string) => string> = {
  'dns-01': (name) =>
    `Look up TXT _acme-challenge.${name} at the name servers of its zone: they must answer to the whole internet, and, with DNSSEC, correctly signed.`,
  'http-01': pointHere,
  'tls-alpn-01': pointHere,
};

const proofRemedies: Record<ChallengeKind, (name: string) => string> = {
  'dns-01': (name) =>
    `It found no such TXT record at _acme-challenge.${name}: check that HUB_DNS_PROVIDER changes the zone that the public DNS asks, and remove old records there.`,
  'http-01': (name) =>
    `It must reach this hub at http://${name}/ on port 80 from the whole internet: check that A and AAAA records lead here and that no firewall or other web server answers.`,
  'tls-alpn-01': (name) =>
    `It must reach this hub at ${name} on port 443 from the whole internet: check that A and AAAA records lead here and that no proxy in between ends the TLS.`,
};

function pointHere(name: string): string {
  return `Give ${name} an A or AAAA record with the public address of this hub; an AAAA record that leads elsewhere has to go.`;
}

function quoted({ detail, type, subproblems }: Problem): string {
  const parts = subproblems
    .filter((part) => part.detail !== '' && !detail.includes(part.detail))
    .map((part) => `${part.name}: ${part.detail}`);
  const words = [detail || type || 'no reason given', ...parts].join('; ');
  return `"${words.replace(/\.$/, '')}"`;
}
