// A sentence about the database as a whole arrives; it stays in it, is part of the transaction that wrote it, and leaves for whoever opens it next.

import { Client, type ClientBase, type ClientConfig } from 'pg';

import { DatabaseError } from './database-error.ts';

/** `moved`: the data lives elsewhere now. `restored`: files of this restore may still be waiting for their place. */
export type Mark =
  | { readonly kind: 'moved'; readonly to: string }
  | { readonly kind: 'restored'; readonly id: string };

type Asked = Pick<ClientBase, 'query'>;

/** A comment, not a table of its own: it needs no migration, and every version of the tables can bear it. */
export async function readMark(client: Asked): Promise<Mark | undefined> {
  const { rows } = await client.query<{ text: string | null }>(
    "SELECT obj_description(to_regclass('public.migrations'), 'pg_class') AS text",
  );
  const [, kind, rest = ''] = /^(moved|restored) (.+)$/.exec(rows[0]?.text ?? '') ?? [];
  if (kind === 'moved') return { kind, to: rest };
  return kind === 'restored' ? { kind, id: rest } : undefined;
}

export async function writeMark(client: Asked, mark: Mark | undefined): Promise<void> {
  const text = mark === undefined ? undefined : textOf(mark);
  // COMMENT takes no parameters.
  const literal = text === undefined ? 'NULL' : `'${text.replaceAll("'", "''")}'`;
  await client.query(`COMMENT ON TABLE public.migrations IS ${literal}`);
}

export async function withClient<Result>(
  connection: ClientConfig,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client(connection);
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Two places that both go on would be two hubs. @throws DatabaseError database.moved */
export async function refuseMoved(client: Asked): Promise<void> {
  const mark = await readMark(client);
  if (mark?.kind !== 'moved') return;
  const setting =
    mark.to === 'embedded' ? 'take HUB_DATABASE_URL away' : 'set HUB_DATABASE_URL to it';
  throw new DatabaseError(
    'database.moved',
    `this database was moved to ${mark.to}: ${setting}. To go on with this one, as it was then: phlix-hub database reopen`,
  );
}

function textOf(mark: Mark): string {
  return mark.kind === 'moved' ? `moved ${mark.to}` : `restored ${mark.id}`;
}
