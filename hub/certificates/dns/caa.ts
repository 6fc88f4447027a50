// The CAA records that count for a name arrive; whether they let this authority, with this account and this proof, certify it leaves. Pure.

import type { ChallengeKind } from '../challenges/solver.ts';

/** RFC 8659 §4.1, as it came from the server. */
export interface CaaRecord {
  readonly flags: number;
  readonly tag: string;
  readonly value: string;
}

export interface CaaQuestion {
  readonly isWildcard: boolean;
  /** Domains that mean the authority (`caaIdentities` of its directory). Empty: it does not say. */
  readonly identities: readonly string[];
  /** Undefined: the hub has no account there yet. */
  readonly accountUrl: string | undefined;
  readonly challenge: ChallengeKind;
}

/** What stands in the way, and a record that would take it out of the way, without the name before it. */
export interface CaaObstacle {
  readonly reason: string;
  /** `CAA 0 issue "letsencrypt.org"`. Undefined: a record has to go instead. */
  readonly record: string | undefined;
}

const criticalFlag = 0x80;
const knownTags = new Set([
  'issue',
  'issuewild',
  'iodef',
  'issuemail',
  'contactemail',
  'contactphone',
]);

/** Undefined: it may. */
export function caaObstacle(
  records: readonly CaaRecord[],
  question: CaaQuestion,
): CaaObstacle | undefined {
  const unknown = records.find((r) => (r.flags & criticalFlag) !== 0 && !knownTags.has(tagOf(r)));
  if (unknown !== undefined) {
    const reason = `a critical CAA record with the unknown tag "${unknown.tag}" forbids every authority`;
    return { reason, record: undefined };
  }
  const tag = decidingTag(records, question.isWildcard);
  const grants = records
    .filter((record) => tagOf(record) === tag)
    .map(({ value }) => readGrant(value));
  // Without such a record, everybody may issue; of an authority that does not say its name, nothing can be said.
  if (grants.length === 0 || question.identities.length === 0) return undefined;
  const ours = grants.filter(({ issuer }) => question.identities.includes(issuer));
  if (ours.some((grant) => objection(grant, question) === undefined)) return undefined;
  const [first] = ours;
  const reason =
    first === undefined
      ? `they let only ${issuersOf(grants)} issue`
      : (objection(first, question) ?? '');
  return { reason, record: wantedRecord(tag, question, ours.some(bindsAccount)) };
}

interface Grant {
  readonly issuer: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** A value that cannot be read lets nobody issue (RFC 8659 §4.2). */
  readonly isReadable: boolean;
}

/** `issuewild` takes the place of `issue` for wildcards, where it exists (RFC 8659 §4.3). */
function decidingTag(records: readonly CaaRecord[], isWildcard: boolean): 'issue' | 'issuewild' {
  const hasWild = records.some((record) => tagOf(record) === 'issuewild');
  return isWildcard && hasWild ? 'issuewild' : 'issue';
}

function objection(grant: Grant, { accountUrl, challenge }: CaaQuestion): string | undefined {
  if (!grant.isReadable) return `the value for "${grant.issuer}" cannot be read`;
  const accounts = valuesOf(grant, 'accounturi');
  if (accounts.length > 1)
    return 'one record names several accounts (accounturi), which allows none';
  const [account] = accounts;
  if (account !== undefined && accountUrl === undefined) {
    return `they allow only the account ${account}, and this hub has not registered one yet`;
  }
  if (account !== undefined && account !== accountUrl) {
    return `they allow only the account ${account}, and this hub's is ${accountUrl}`;
  }
  const methods = valuesOf(grant, 'validationmethods').flatMap((value) => value.split(','));
  if (methods.length > 0 && !methods.map((method) => method.trim()).includes(challenge)) {
    return `they allow proofs by ${methods.join(', ')} only, and this hub proves by ${challenge}`;
  }
  return undefined;
}

/** `letsencrypt.org; accounturi=https://...; validationmethods=dns-01`. */
function readGrant(value: string): Grant {
  const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
  const pairs = rest
    .filter((part) => part !== '')
    .map((part) => /^([A-Za-z0-9-]+)\s*=\s*(\S*)$/.exec(part));
  return {
    issuer: issuer.toLowerCase(),
    parameters: pairs.flatMap((pair) =>
      pair === null ? [] : [[(pair[1] ?? '').toLowerCase(), pair[2] ?? ''] as const],
    ),
    isReadable: !pairs.includes(null),
  };
}

function wantedRecord(tag: string, question: CaaQuestion, isBound: boolean): string {
  const { identities, accountUrl, challenge } = question;
  const binding = isBound && accountUrl !== undefined ? `; accounturi=${accountUrl}` : '';
  const method = isBound ? `; validationmethods=${challenge}` : '';
  return `CAA 0 ${tag} "${identities[0] ?? ''}${binding}${method}"`;
}

function bindsAccount(grant: Grant): boolean {
  return grant.parameters.length > 0;
}

function valuesOf({ parameters }: Grant, wanted: string): string[] {
  return parameters.filter(([name]) => name === wanted).map(([, value]) => value);
}

function issuersOf(grants: readonly Grant[]): string {
  const issuers = grants.map(({ issuer }) => issuer).filter((issuer) => issuer !== '');
  return issuers.length === 0 ? 'nobody' : [...new Set(issuers)].join(' and ');
}

function tagOf({ tag }: CaaRecord): string {
  return tag.toLowerCase();
}
