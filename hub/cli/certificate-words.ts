// A certificate, kept or rehearsed, arrives; how it stands leaves: as lines for people, or as JSON.

import type { ManagedCertificate } from '../certificates/life/certificate.ts';
import { nextStep } from '../certificates/life/renewal.ts';
import type { KeyKind } from '../certificates/store.ts';
import type { Rehearsal } from '../composition/rehearsal.ts';
import { age, table } from './table.ts';

/** One that somebody else renews: from files, or of the local authority. */
export interface HeldCertificate {
  readonly path: string;
  readonly names: readonly string[];
  readonly kind: KeyKind;
  readonly notAfter: Date;
}

/** `waiting` are those that wait for the order of another, by id. */
export function managedTable(
  certificates: readonly ManagedCertificate[],
  { now, waiting }: { readonly now: Date; readonly waiting: ReadonlySet<string> },
): string {
  const rows = certificates.map((certificate) => [
    certificate.names.join(' '),
    certificate.keyKind,
    authorityText(certificate),
    endText(certificate.issued?.notAfter, now),
    waiting.has(certificate.id) ? 'waits for another order' : nextText(certificate, now),
  ]);
  const troubles = certificates.flatMap(({ names, attempts: { lastError, failures } }) =>
    lastError === undefined
      ? []
      : [`${names.join(' ')}: ${failuresText(failures)}${lastError.message} (${lastError.code})\n`],
  );
  const headings = ['NAMES', 'KEY', 'AUTHORITY', 'ENDS', 'NEXT'];
  return [table(headings, rows), ...(troubles.length === 0 ? [] : ['\n', ...troubles])].join('');
}

export function heldTable(certificates: readonly HeldCertificate[], now: Date): string {
  const rows = certificates.map(({ names, kind, notAfter, path }) => [
    names.join(' '),
    kind,
    endText(notAfter, now),
    path,
  ]);
  return table(['NAMES', 'KEY', 'ENDS', 'FILE'], rows);
}

/** Everything that is known of one. */
export function certificateText(certificate: ManagedCertificate, now: Date): string {
  const { issued, renewal, attempts, challenge, profile } = certificate;
  const { lastError, nextTryAt, failures } = attempts;
  const rows: (readonly [string, string | undefined])[] = [
    ['names', certificate.names.join(' ')],
    ['id', certificate.id],
    ['server', certificate.serverId ?? 'of the hub itself'],
    ['key', certificate.keyKind],
    ['authority', issued?.authority ?? certificate.authority],
    ['proved by', challenge],
    ['profile', profile],
    ['valid from', issued && iso(issued.notBefore)],
    ['valid until', issued && `${iso(issued.notAfter)} (${endText(issued.notAfter, now)})`],
    [
      'renewal window',
      renewal.window && `${iso(renewal.window.start)} to ${iso(renewal.window.end)}`,
    ],
    ['renewal planned', renewal.selectedAt && iso(renewal.selectedAt)],
    ['next', nextText(certificate, now)],
    ['failed', failures === 0 ? undefined : `${failures} in a row`],
    ['tried again', nextTryAt && iso(nextTryAt)],
    ['last error', lastError && `${lastError.message} (${lastError.code}, ${iso(lastError.at)})`],
  ];
  const told = rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
  const width = Math.max(...told.map(([what]) => what.length));
  return told.map(([what, text]) => `${what.padEnd(width)}  ${text}\n`).join('');
}

export function certificateJson(certificate: ManagedCertificate, now: Date): object {
  const { issued, renewal, attempts } = certificate;
  const step = nextStep(certificate, now);
  return {
    id: certificate.id,
    names: certificate.names,
    key: certificate.keyKind,
    server_id: certificate.serverId ?? null,
    authority: issued?.authority ?? certificate.authority,
    challenge: certificate.challenge,
    profile: certificate.profile ?? null,
    not_before: issued?.notBefore.toISOString() ?? null,
    not_after: issued?.notAfter.toISOString() ?? null,
    days_left: issued === undefined ? null : daysLeft(issued.notAfter, now),
    renewal_at: renewal.selectedAt?.toISOString() ?? null,
    next: step.kind,
    next_at: step.at.toISOString(),
    failures: attempts.failures,
    last_error: attempts.lastError
      ? { ...attempts.lastError, at: attempts.lastError.at.toISOString() }
      : null,
    released_at: certificate.releasedAt?.toISOString() ?? null,
  };
}

export function heldJson({ names, kind, notAfter, path }: HeldCertificate, now: Date): object {
  return {
    names,
    key: kind,
    not_after: notAfter.toISOString(),
    days_left: daysLeft(notAfter, now),
    path,
  };
}

export function rehearsalText({ wish, findings, authority, error }: Rehearsal): string {
  const lines = findings.map(
    ({ severity, error: found }) =>
      `  ${severity === 'blocks' ? 'in the way' : 'look at it'}: ${found.message} (${found.code})\n`,
  );
  const isBlocked = findings.some(({ severity }) => severity === 'blocks');
  let end = `  ok: ${authority} gave a certificate, which was thrown away.\n`;
  if (error !== undefined) end = `  failed: ${error.message} (${error.code})\n`;
  else if (isBlocked) end = '  Nothing was ordered.\n';
  else if (authority === undefined)
    end =
      '  The DNS is as it should be. No order was rehearsed: this authority has no staging that takes the account of the settings.\n';
  return [`${wish.names.join(' ')}, by ${wish.challenge}:\n`, ...lines, end].join('');
}

export function rehearsalJson({ wish, findings, authority, error }: Rehearsal): object {
  return {
    names: wish.names,
    challenge: wish.challenge,
    ordered_from: authority ?? null,
    findings: findings.map(({ severity, error: { code, message } }) => ({
      severity,
      code,
      message,
    })),
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}

export function hasPassed({ findings, error }: Rehearsal): boolean {
  return error === undefined && !findings.some(({ severity }) => severity === 'blocks');
}

function daysLeft(notAfter: Date, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / 8_640_000) / 10;
}

function authorityText({ issued, authority }: ManagedCertificate): string {
  return URL.parse(issued?.authority ?? authority)?.host ?? authority;
}

function endText(notAfter: Date | undefined, now: Date): string {
  if (notAfter === undefined) return 'not there yet';
  return notAfter > now ? `in ${age(now, notAfter)}` : `ended ${age(notAfter, now)} ago`;
}

/** The authority is asked about the time every few hours: of interest is the time. */
function nextText(certificate: ManagedCertificate, now: Date): string {
  const { renewal, attempts, issued } = certificate;
  // Whether its owner let it go, or only the settings changed, is the hub's to know.
  if (certificate.releasedAt !== undefined)
    return `released ${age(certificate.releasedAt, now)} ago`;
  const step = nextStep(certificate, now);
  const at = step.kind === 'ask' ? (renewal.selectedAt ?? step.at) : step.at;
  const first = issued === undefined ? 'ordered' : 'renewed';
  const what = attempts.failures > 0 ? 'tried again' : first;
  return at > now ? `${what} in ${age(now, at)}` : `${what} now`;
}

function failuresText(failures: number): string {
  return failures > 1 ? `${failures} attempts failed; the last: ` : '';
}

function iso(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
