// A certificate's id arrives at its authority; the window leaves in which it wishes the certificate to be renewed (RFC 9773).

import type { RenewalInfo } from './authority.ts';
import type { Directory } from './directory.ts';
import type { Exchange } from './exchange.ts';
import { AcmeError, isRecord, parseProblem, webAddress } from './problem.ts';
import { requestRefused } from './refusal.ts';
import { retryAfterMs } from './retry-after.ts';

/** Undefined: the authority does not say, at all or for this one. @throws AcmeError, or the signal's reason */
export async function askRenewalInfo(
  exchange: Exchange,
  { host, caaIdentities, renewalInfo }: Directory,
  ariId: string,
  now: Date,
  signal: AbortSignal,
): Promise<RenewalInfo | undefined> {
  if (renewalInfo === undefined || !idPattern.test(ariId)) return undefined;
  const url = `${renewalInfo.replace(/\/$/, '')}/${ariId}`;
  const { status, headers, data } = await exchange.request(url, 'get', undefined, signal);
  const askAgainMs = retryAfterMs(headers, now);
  // Of another authority's certificate, or of one before its memory begins.
  if (status === 404) return undefined;
  if (status !== 200) {
    const refusal = { status, problem: parseProblem(data), retryAfterMs: askAgainMs };
    throw requestRefused({ host, caaIdentities }, refusal);
  }
  const window = isRecord(data) && isRecord(data['suggestedWindow']) ? data['suggestedWindow'] : {};
  const [start, end] = [dateOf(window['start']), dateOf(window['end'])];
  if (start === undefined || end === undefined || end <= start) {
    throw new AcmeError(
      'acme.bad-answer',
      `${host} names no window for the renewal of a certificate; the hub goes by the certificate's own dates.`,
    );
  }
  return {
    start,
    end,
    explanationUrl: isRecord(data) ? webAddress(data['explanationURL']) : undefined,
    retryAfterMs: Math.min(Math.max(askAgainMs ?? usualMs, shortestMs), longestMs),
  };
}

/** base64url of a key identifier and of a serial number. */
const idPattern = /^[\w-]{2,128}\.[\w-]{2,64}$/;

/** RFC 9773 §4.3.2 wants less than a minute taken for a minute, and more than a day for a day; silence for six hours. */
const shortestMs = 60_000;
const longestMs = 86_400_000;
const usualMs = 6 * 3_600_000;

function dateOf(value: unknown): Date | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT/.test(value)) return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
