// Somebody who leaves arrives; no table has a row of theirs afterwards. A test holds the list against the database.

import { sql } from '../drizzle.ts';
import type { Transaction } from '../transaction.ts';

/** Whose rows go with the account's by themselves: they refer to it (ON DELETE CASCADE). */
export const cascading = [
  'invitations',
  'known_browsers',
  'login_places',
  'logins',
  'notice_targets',
  'server_members',
  'sign_ins',
  'sso_links',
  'whereabouts',
] as const;

/** Those of other rooms, which know an account by its id alone. */
export const personal = [
  'access_tokens',
  'device_requests',
  'email_codes',
  'email_links',
  'email_sends',
  'factor_standings',
  'passkey_challenges',
  'passkeys',
  'recovery_codes',
  'sso_logins',
  'totp_secrets',
  'trusted_browsers',
] as const;

/** What its servers moved, how, and what they told of their homes. An account that is not the operator's has its own id as its owner's. */
const ofServers = [
  'link_means',
  'link_samples',
  'server_agents',
  'server_events',
  'server_findings',
] as const;

async function forgetTraffic(tx: Transaction, ownerId: string): Promise<void> {
  const servers = sql`(SELECT id FROM servers WHERE owner_id = ${ownerId})`;
  await tx.execute(sql`
    DELETE FROM traffic_limits WHERE (scope = 'account' AND subject_id = ${ownerId})
      OR (scope = 'server' AND subject_id IN (SELECT id::text FROM ${servers} AS own))`);
  await tx.execute(sql`DELETE FROM traffic WHERE owner_id = ${ownerId}`);
  for (const table of ofServers)
    await tx.execute(sql`DELETE FROM ${sql.identifier(table)} WHERE server_id IN ${servers}`);
}

export async function forgetPerson(tx: Transaction, accountId: string): Promise<void> {
  await forgetTraffic(tx, accountId);
  for (const table of personal) {
    await tx.execute(
      sql`DELETE FROM ${sql.identifier(table)} WHERE account_id = ${accountId}::uuid`,
    );
  }
}
