// A moment arrives; what was written down since leaves, counted by event: what goes when the database goes back to that moment.

import type { ClientConfig } from 'pg';

import { withClient } from './marks.ts';

export interface Loss {
  readonly event: string;
  readonly count: number;
}

/** Comings and goings are nobody's loss. */
const unimportant = ['tunnel.', 'login.', 'session.', 'hub.', 'audit.', 'segment.'];

export async function lostSince(connection: ClientConfig, since: Date): Promise<Loss[]> {
  return withClient(connection, async (client) => {
    const { rows: found } = await client.query<{ found: boolean }>(
      "SELECT to_regclass('public.audit_entries') IS NOT NULL AS found",
    );
    if (found[0]?.found !== true) return [];
    const { rows } = await client.query<Loss>(
      `SELECT event, count(*)::integer AS count FROM public.audit_entries
       WHERE at > $1 AND NOT event LIKE ANY($2) GROUP BY event ORDER BY event`,
      [since, unimportant.map((area) => `${area}%`)],
    );
    return rows;
  });
}
