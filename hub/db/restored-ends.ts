// A database that has gone back in time arrives; nothing in it opens a door any more that was closed meanwhile, nor one that stood open then (security rows D-05, E-17).

import type { ClientBase } from 'pg';

type Asked = Pick<ClientBase, 'query'>;

/** What the data that is about to go knows of ends. Nothing, in an empty database. */
export interface Ended {
  /** Every key that an agent has or had, as JSON: keys are replaced and revoked, and never come back. */
  readonly agents: readonly string[];
  readonly servers: readonly string[];
  readonly recoveryCodes: readonly string[];
  /** Of those that live: all others have been revoked since, or have run out. Undefined: nobody knows. */
  readonly tokens: readonly string[] | undefined;
  /** Servers and their owners, accounts that are suspended, and bans that hold: rows as JSON. */
  readonly owned: readonly string[];
  readonly suspended: readonly string[];
  readonly bans: readonly string[];
  /** How far links have been counted. */
  readonly linkEpoch: bigint;
}

export async function readEnded(client: Asked): Promise<Ended> {
  const servers = await ids(client, 'servers', 'id', 'revoked_at IS NOT NULL');
  const recoveryCodes = await ids(client, 'recovery_codes', 'id', 'used_at IS NOT NULL');
  const tokens = await ids(client, 'access_tokens', 'id', 'true');
  return {
    agents: await rowsOf(client, 'agents', 'true'),
    servers: servers ?? [],
    recoveryCodes: recoveryCodes ?? [],
    tokens,
    owned: await rowsOf(client, 'servers', 'true'),
    suspended: (await ids(client, 'accounts', 'id', "state = 'suspended'")) ?? [],
    bans: await rowsOf(client, 'bans', 'until IS NULL OR until > now()'),
    linkEpoch: await epochOf(client),
  };
}

/** A key that was given up, a server that was revoked, a suspension or a ban: an old copy does not undo them. */
export async function endWhatEnded(client: Asked, ended: Ended): Promise<void> {
  for (const [table, what] of endsOfServers) await change(client, table, what, ended.servers);
  await keepKeys(client, ended.agents);
  await closeGivenAway(client, ended.owned);
  await keepSuspended(client, ended.owned);
  await change(
    client,
    'accounts',
    "SET state = 'suspended' WHERE id::text = ANY($1)",
    ended.suspended,
  );
  await keepBans(client, ended.bans);
  await change(
    client,
    'recovery_codes',
    'SET used_at = now() WHERE used_at IS NULL AND id::text = ANY($1)',
    ended.recoveryCodes,
  );
  if (ended.tokens !== undefined && (await isThere(client, 'access_tokens')))
    await client.query('DELETE FROM public.access_tokens WHERE NOT id = ANY($1)', [ended.tokens]);
  await bumpEpoch(client, ended.linkEpoch);
}

async function rowsOf(client: Asked, table: string, condition: string): Promise<string[]> {
  if (!(await isThere(client, table))) return [];
  const { rows } = await client.query<{ row: string }>(
    `SELECT to_jsonb(found)::text AS row FROM public."${table}" AS found
     WHERE ${condition} ORDER BY created_at`,
  );
  return rows.map(({ row }) => row);
}

/** The former owner has the server again, and what runs at the new one's home must not speak for him, nor his for the new one. */
async function closeGivenAway(client: Asked, rows: readonly string[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query(
    `UPDATE public.agents SET revoked_at = now()
     FROM unnest($1::jsonb[]) AS row JOIN public.servers ON servers.id::text = row ->> 'id'
     WHERE agents.server_id = servers.id AND agents.revoked_at IS NULL
       AND servers.owner_id <> row ->> 'owner_id'`,
    [rows],
  );
}

/** A version that knows no suspension yet cannot keep one. */
async function keepSuspended(client: Asked, rows: readonly string[]): Promise<void> {
  const { rows: columns } = await client.query(
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.servers')
     AND attname = 'suspended_at' AND NOT attisdropped`,
  );
  if (rows.length === 0 || columns.length === 0) return;
  await client.query(
    `UPDATE public.servers SET suspended_at = (row ->> 'suspended_at')::timestamptz,
       suspension_reason = row ->> 'suspension_reason'
     FROM unnest($1::jsonb[]) AS row
     WHERE servers.id::text = row ->> 'id' AND servers.suspended_at IS NULL
       AND row ->> 'suspended_at' IS NOT NULL`,
    [rows],
  );
}

/** A network is banned once, and the later word counts. */
async function keepBans(client: Asked, rows: readonly string[]): Promise<void> {
  if (rows.length === 0 || !(await isThere(client, 'bans'))) return;
  await client.query(
    `DELETE FROM public.bans USING unnest($1::jsonb[]) AS row
     WHERE bans.network = row ->> 'network' OR bans.id::text = row ->> 'id'`,
    [rows],
  );
  await client.query(
    `INSERT INTO public.bans SELECT found.* FROM unnest($1::jsonb[]) AS row,
     jsonb_populate_record(NULL::public.bans, row) AS found`,
    [rows],
  );
}

/**
 * Of servers that both states have. First what was revoked, then those that took their places: a server has one key. Columns that
 * the restored table does not have yet are left out.
 */
async function keepKeys(client: Asked, rows: readonly string[]): Promise<void> {
  if (rows.length === 0) return;
  const known = `known AS (
    SELECT found.* FROM unnest($1::jsonb[]) AS row, jsonb_populate_record(NULL::public.agents, row) AS found)`;
  await client.query(
    `WITH ${known} UPDATE public.agents SET revoked_at = known.revoked_at FROM known
     WHERE agents.agent_id = known.agent_id AND agents.revoked_at IS NULL`,
    [rows],
  );
  await client.query(
    `WITH ${known} INSERT INTO public.agents SELECT known.* FROM known
     JOIN public.servers ON servers.id = known.server_id ON CONFLICT DO NOTHING`,
    [rows],
  );
}

/** As `phlix-hub servers revoke` does it. */
const endsOfServers = [
  ['agents', 'SET revoked_at = now() WHERE revoked_at IS NULL AND server_id::text = ANY($1)'],
  ['servers', 'SET revoked_at = now() WHERE revoked_at IS NULL AND id::text = ANY($1)'],
  [
    'labels',
    `SET state = 'quarantined', server_id = NULL, released_at = now(),
     quarantined_until = now() + interval '90 days' WHERE server_id::text = ANY($1)`,
  ],
  [
    'domains',
    `SET state = 'dropped', drop_reason = 'revoked', state_since = now()
     WHERE state <> 'dropped' AND server_id::text = ANY($1)`,
  ],
] as const;

/**
 * Logins, and whatever else somebody may have carried away and used since: he must not use it a second time. Browsers that were
 * trusted hold a secret that changes with each use, so all of them would look like thieves.
 */
export async function endWhatWasOpen(client: Asked): Promise<void> {
  for (const table of volatile) {
    if (await isThere(client, table)) await client.query(`DELETE FROM public."${table}"`);
  }
  // The next backup by the clock is of what is here now (backup-turns.ts).
  if (await isThere(client, 'told_notices'))
    await client.query("DELETE FROM public.told_notices WHERE key LIKE 'backup %'");
  if (await isThere(client, 'enrolment_tokens'))
    await client.query(
      'UPDATE public.enrolment_tokens SET expires_at = least(expires_at, now()) WHERE used_at IS NULL',
    );
}

/** In an order that asks nothing of foreign keys. */
const volatile = [
  'sso_logins',
  'step_ups',
  'logins',
  'sign_ins',
  'trusted_browsers',
  'passkey_challenges',
  'email_codes',
  'email_links',
  'invitations',
  'setup_tokens',
  'device_requests',
  'sso_transactions',
  'local_login',
  'presences',
  'hub_runs',
];

/** Nobody has linked so often since the backup was made, and 2^53 leaves room for nine million restores. */
const epochLeap = 1_000_000_000n;

/** A link that another hub still holds must not outrank one that is made from now on (rule P14). */
async function bumpEpoch(client: Asked, former: bigint): Promise<void> {
  const restored = await epochOf(client);
  const next = (restored > former ? restored : former) + epochLeap;
  await client.query("SELECT setval(to_regclass('public.link_epoch'), $1::bigint)", [String(next)]);
}

async function epochOf(client: Asked): Promise<bigint> {
  if (!(await isThere(client, 'link_epoch'))) return 0n;
  const { rows } = await client.query<{ value: string }>(
    'SELECT last_value AS value FROM public.link_epoch',
  );
  return BigInt(rows[0]?.value ?? 0);
}

async function change(
  client: Asked,
  table: string,
  what: string,
  list: readonly string[],
): Promise<void> {
  if (list.length === 0 || !(await isThere(client, table))) return;
  await client.query(`UPDATE public."${table}" ${what}`, [list]);
}

async function ids(
  client: Asked,
  table: string,
  column: string,
  condition: string,
): Promise<string[] | undefined> {
  if (!(await isThere(client, table))) return undefined;
  const { rows } = await client.query<{ id: string }>(
    `SELECT ${column}::text AS id FROM public."${table}" WHERE ${condition}`,
  );
  return rows.map(({ id }) => id);
}

async function isThere(client: Asked, name: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS found',
    [`public."${name}"`],
  );
  return rows[0]?.found === true;
}
