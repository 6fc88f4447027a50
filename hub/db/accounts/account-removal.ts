// Somebody who leaves arrives; no table has a row of theirs afterwards. A test holds the list against the database.

import { sql } from '../drizzle.ts';
import type { Transaction } from '../transaction.ts';

/** Whose rows go with the account's by themselves: they refer to it (ON DELETE CASCADE). */
export const cascading = [
  'invitations',
  'known_browsers',
  'login_places',
  'logins',
  'server_members',
  'sign_ins',
] as const;

/** Those of other rooms, which know an account by its id alone. */
export const personal = [
  'access_tokens',
  'device_requests',
  'email_codes',
  'email_links',
  'factor_standings',
  'passkey_challenges',
  'passkeys',
  'recovery_codes',
  'totp_secrets',
  'trusted_browsers',
] as const;

export async function forgetPerson(tx: Transaction, accountId: string): Promise<void> {
  for (const table of personal) {
    await tx.execute(
      sql`DELETE FROM ${sql.identifier(table)} WHERE account_id = ${accountId}::uuid`,
    );
  }
}
