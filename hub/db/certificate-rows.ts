// Rows of the certificates arrive; managed certificates as the domain knows them leave, and the way back for what is stored.

import type {
  Attempts,
  IssuedCertificate,
  ManagedCertificate,
  RenewalPlan,
} from '../certificates/life/certificate.ts';
import type { certificates } from './schema.ts';

type CertificateRow = typeof certificates.$inferSelect;

export function certificateOf(row: CertificateRow): ManagedCertificate {
  const { id, names, keyKind, authority, challenge, createdAt } = row;
  return {
    id,
    names,
    keyKind,
    authority,
    challenge,
    createdAt,
    profile: row.profile ?? undefined,
    serverId: row.serverId ?? undefined,
    issued: issuedOf(row),
    renewal: renewalOf(row),
    attempts: attemptsOf(row),
    releasedAt: row.releasedAt ?? undefined,
  };
}

export function issuedColumns(issued: IssuedCertificate): Partial<CertificateRow> {
  const { authority, ...columns } = issued;
  return { ...columns, issuedBy: authority };
}

export function renewalColumns({ window, selectedAt, askAgainAt }: RenewalPlan) {
  return {
    windowStart: window?.start ?? null,
    windowEnd: window?.end ?? null,
    selectedAt: selectedAt ?? null,
    askAgainAt: askAgainAt ?? null,
  };
}

export function attemptColumns({ failures, nextTryAt, lastError }: Attempts) {
  return {
    failures,
    nextTryAt: nextTryAt ?? null,
    errorCode: lastError?.code ?? null,
    errorMessage: lastError === undefined ? null : storable(lastError.message),
    errorAt: lastError?.at ?? null,
  };
}

export const noAttempts = attemptColumns({
  failures: 0,
  nextTryAt: undefined,
  lastError: undefined,
});

/**
 * An authority's or a provider's words may be part of it. A NUL would make PostgreSQL refuse the row, and with it the time
 * before which nothing is tried again.
 */
function storable(message: string): string {
  return message.replaceAll('\0', ' ').slice(0, maxMessageLength);
}

/** A sentence or two fit; a page of HTML that a broken proxy answered with need not be kept. */
const maxMessageLength = 2000;

/** The table's checks hold each group's columns together, so that one of them speaks for all. */
function issuedOf(row: CertificateRow): IssuedCertificate | undefined {
  const { chain, sealedKey, issuedBy, ariId, notBefore, notAfter } = row;
  if (chain === null || sealedKey === null || issuedBy === null) return undefined;
  if (ariId === null || notBefore === null || notAfter === null) return undefined;
  return { chain, sealedKey, authority: issuedBy, ariId, notBefore, notAfter };
}

function renewalOf(row: CertificateRow): RenewalPlan {
  const { windowStart, windowEnd, askAgainAt } = row;
  // Until the next certificate: a renewal window that is asked for meanwhile draws another moment.
  const selectedAt = row.hastenedAt ?? row.selectedAt;
  return {
    window:
      windowStart === null || windowEnd === null
        ? undefined
        : { start: windowStart, end: windowEnd },
    selectedAt: selectedAt ?? undefined,
    askAgainAt: askAgainAt ?? undefined,
  };
}

function attemptsOf(row: CertificateRow): Attempts {
  const { errorCode: code, errorMessage: message, errorAt: at } = row;
  return {
    failures: row.failures,
    nextTryAt: row.nextTryAt ?? undefined,
    lastError: code === null || message === null || at === null ? undefined : { code, message, at },
  };
}
