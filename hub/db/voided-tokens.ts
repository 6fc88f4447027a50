// An account before and after its standing changed arrives; the unused enrolment tokens by which it could still add a server are gone.

import type { Account } from '../accounts/account.ts';
import { and, eq, isNotNull, isNull, or } from './drizzle.ts';
import { enrolmentTokens } from './schema.ts';
import type { Transaction } from './transaction.ts';

type Standing = Pick<Account, 'role' | 'state'>;

/**
 * In the transaction that changes the account, and behind that change. They stay void when the account is
 * resumed: nobody remembers by then who has seen them. `now` undefined: the account is gone.
 */
export async function voidTokens(
  tx: Transaction,
  former: Account,
  now: Standing | undefined,
): Promise<void> {
  const ofHis = mayHaveServers(now) ? undefined : eq(enrolmentTokens.ownerId, former.ownerId);
  // An admin makes tokens for the servers of others, and no row says which: one of them would give him somebody's visitors.
  const ofOthers =
    former.role === 'admin' && !isAdmin(now) ? isNotNull(enrolmentTokens.serverId) : undefined;
  if (ofHis === undefined && ofOthers === undefined) return;
  await tx.delete(enrolmentTokens).where(and(isNull(enrolmentTokens.usedAt), or(ofHis, ofOthers)));
}

function mayHaveServers(standing: Standing | undefined): boolean {
  return standing?.state === 'active' && standing.role !== 'member';
}

function isAdmin(standing: Standing | undefined): boolean {
  return standing?.state === 'active' && standing.role === 'admin';
}
