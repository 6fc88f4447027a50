// An address that failed to sign in too often arrives; where it keeps failing for a day, it is banned from the hub's own pages.

import type { Bans } from '../access/bans/bans.ts';
import type { Closed } from '../accounts/login/guard.ts';

/**
 * A pause after ten failures is the guard's own business: a browser that its account knows still gets through. Whoever comes
 * back after the pause to fail on is nobody who forgot a password.
 */
export async function banWhoGuesses(
  bans: Pick<Bans, 'banAddress'>,
  { kind, what, failures, until, isForDays }: Closed,
): Promise<void> {
  if (kind !== 'address' || !isForDays || what === 'unknown') return;
  const address = what.replace(/\/64$/, '');
  const forMs = until.getTime() - Date.now();
  await bans.banAddress(address, { forMs, reason: `${failures} failed sign-ins` });
}
