// The kinds of columns that drizzle does not have as we use them leave here, for the tables of every room.

import type { Buffer } from 'node:buffer';

import { customType, timestamp } from './drizzle.ts';

export const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** To the millisecond in the program, to the microsecond in the database. */
export const instant = (column: string) => timestamp(column, { withTimezone: true, mode: 'date' });
