// An open database arrives; what its clock says leaves.

import type { Queries } from './connect.ts';
import { sql } from './drizzle.ts';

export async function databaseTime(queries: Queries): Promise<Date> {
  const { rows } = await queries.execute<{ at: string | number }>(
    sql`SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at`,
  );
  return new Date(Number(rows[0]?.at));
}
