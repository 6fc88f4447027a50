// drizzle's functions leave, loaded as CommonJS: as ES modules its files take 0.5 s more at every start and command, and 150 MB.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

const core = require('drizzle-orm') as typeof import('drizzle-orm');
const postgres = require('drizzle-orm/pg-core') as typeof import('drizzle-orm/pg-core');
const driver =
  require('drizzle-orm/node-postgres') as typeof import('drizzle-orm/node-postgres');
const migrator =
  require('drizzle-orm/node-postgres/migrator') as typeof import('drizzle-orm/node-postgres/migrator');

export const { and, count, eq, gt, isNull, lt, ne, or, sql } = core;
export const { customType, pgSequence, pgTable, text, timestamp, uuid } = postgres;
export const { drizzle } = driver;
export const { migrate: runMigrations } = migrator;
