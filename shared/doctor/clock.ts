// How far another clock is ahead of this machine's arrives; whether that matters leaves, with the way to set this one.

import { ok, warning, failure, type Verdict } from './finding.ts';

/** Codes of authenticator apps live for 30 s, and a Date field is cut to the second. */
const noticedMs = 5000;
/** Certificates and tokens live for hours, but signatures of authorities and providers for a minute at times. */
const harmfulMs = 30_000;

/** `whose`: "the hub's", "the authority's". */
export function clockVerdict(aheadMs: number, whose: string): Verdict {
  const seconds = Math.max(1, Math.round(Math.abs(aheadMs) / 1000));
  if (Math.abs(aheadMs) <= noticedMs)
    return ok(`This machine's clock is within ${seconds} s of ${whose}.`);
  const direction = aheadMs > 0 ? 'behind' : 'ahead of';
  const message = `This machine's clock is ${seconds} s ${direction} ${whose}.`;
  const remedy = `Let it be set by NTP (timedatectl set-ntp true), or find out whether it is ${whose} that is wrong.`;
  return Math.abs(aheadMs) > harmfulMs ? failure(message, remedy) : warning(message, remedy);
}
