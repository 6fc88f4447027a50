// A person arrives; the rows about him leave, of every table that has some, without what opens anything. Implements PersonalRecords of hub/accounts/export.ts.

import type { Account } from '../../accounts/account.ts';
import type { PersonalRecords } from '../../accounts/export.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';

type Person = Pick<Account, 'id' | 'ownerId'>;
type Condition = ReturnType<typeof sql>;

/** How a table's rows are somebody's. */
type Belonging = 'account' | 'inviter' | 'owner' | 'actor' | 'login' | 'server' | 'limit' | 'self';

interface PersonalTable {
  readonly belongs: Belonging;
  /** What opens something, or is of no person. */
  readonly without?: readonly string[];
}

/** A test holds this against the database: each table is here, or is named below as nobody's. */
export const personalTables: Readonly<Record<string, PersonalTable>> = {
  accounts: { belongs: 'self', without: ['password_hash'] },
  access_tokens: { belongs: 'account', without: ['secret_hash'] },
  agents: { belongs: 'server', without: ['public_key'] },
  audit_entries: { belongs: 'actor', without: ['hash', 'chain'] },
  certificates: { belongs: 'owner', without: ['sealed_key', 'chain', 'challenge'] },
  device_requests: { belongs: 'account', without: ['device_code_hash', 'user_code_hash'] },
  domains: { belongs: 'owner', without: ['token'] },
  email_codes: { belongs: 'account', without: ['mac', 'binding'] },
  email_links: { belongs: 'account', without: ['secret_hash'] },
  email_sends: { belongs: 'account' },
  enrolment_tokens: { belongs: 'owner', without: ['secret_hash'] },
  factor_standings: { belongs: 'account' },
  invitations: { belongs: 'inviter', without: ['secret_hash'] },
  known_browsers: { belongs: 'account', without: ['secret_hash'] },
  label_changes: { belongs: 'owner' },
  labels: { belongs: 'owner' },
  link_means: { belongs: 'server' },
  link_samples: { belongs: 'server', without: ['writer'] },
  login_places: { belongs: 'account' },
  logins: { belongs: 'account', without: ['secret_hash'] },
  notice_targets: { belongs: 'account', without: ['sealed'] },
  passkey_challenges: { belongs: 'account', without: ['challenge', 'binding'] },
  passkeys: { belongs: 'account', without: ['credential_id', 'public_key'] },
  presences: { belongs: 'server' },
  recovery_codes: { belongs: 'account', without: ['mac'] },
  server_agents: { belongs: 'server' },
  server_alerts: { belongs: 'server' },
  server_events: { belongs: 'server' },
  server_findings: { belongs: 'server' },
  server_members: { belongs: 'account' },
  servers: { belongs: 'owner' },
  sign_ins: { belongs: 'account', without: ['secret_hash'] },
  sso_links: { belongs: 'account' },
  sso_logins: { belongs: 'account', without: ['sealed_id_token'] },
  step_ups: { belongs: 'login', without: ['proof_hash'] },
  totp_secrets: { belongs: 'account', without: ['sealed_secret'] },
  traffic: { belongs: 'owner' },
  traffic_limits: { belongs: 'limit' },
  trusted_browsers: { belongs: 'account', without: ['validator_hash', 'selector'] },
  whereabouts: { belongs: 'account' },
};

/** Tables that tell nothing of any one account. Failures are counted by keys that lead back to nobody. */
export const impersonalTables: ReadonlySet<string> = new Set([
  'authority_accounts',
  'authority_orders',
  'bans',
  'challenges',
  'hub_runs',
  'local_login',
  'login_failures',
  'migrations',
  'owners',
  'probes',
  'sealed_secrets',
  'setup_tokens',
  'sso_logout_tokens',
  'sso_providers',
  'sso_transactions',
  'told_notices',
  'traffic_writers',
  'txt_records',
]);

/** Nobody reads more of one kind, and an export must not fill the memory: the newest day of charts and a year of hours fit. */
const maxRows = 50_000;

export class PostgresPersonalRecords implements PersonalRecords {
  readonly #queries: Queries;

  constructor({ queries }: Pick<Database, 'queries'>) {
    this.#queries = queries;
  }

  async of(person: Person): Promise<Record<string, readonly object[]>> {
    const records: Record<string, readonly object[]> = {};
    for (const [table, personal] of Object.entries(personalTables)) {
      const rows = await this.#rows(table, personal, person);
      if (rows.length > 0) records[table] = rows;
    }
    return records;
  }

  async #rows(table: string, { belongs, without = [] }: PersonalTable, person: Person) {
    const { rows } = await this.#queries.execute<{ row: object }>(sql`
      SELECT to_jsonb(t) - ${sql.param([...without])}::text[] AS row
      FROM ${sql.identifier(table)} AS t WHERE ${conditions[belongs](person)} LIMIT ${maxRows}`);
    return rows.map(({ row }) => row);
  }
}

const conditions: Readonly<Record<Belonging, (person: Person) => Condition>> = {
  self: ({ id }) => sql`id = ${id}::uuid`,
  account: ({ id }) => sql`account_id = ${id}::uuid`,
  inviter: ({ id }) => sql`invited_by = ${id}::uuid`,
  owner: ({ ownerId }) => sql`owner_id = ${ownerId}`,
  actor: ({ id }) => sql`actor_id = ${id}`,
  login: ({ id }) => sql`login_id IN (SELECT id FROM logins WHERE account_id = ${id}::uuid)`,
  server: ({ ownerId }) => sql`server_id IN (SELECT id FROM servers WHERE owner_id = ${ownerId})`,
  limit: ({ ownerId }) => sql`
    (scope = 'account' AND subject_id = ${ownerId}) OR (scope = 'server'
      AND subject_id IN (SELECT id::text FROM servers WHERE owner_id = ${ownerId}))`,
};
