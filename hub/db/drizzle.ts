// drizzle's functions leave, loaded as CommonJS: as ES modules its files take 0.5 s more at every start and command, and 150 MB.

import { createRequire } from 'node:module';

import type * as Core from 'drizzle-orm';
import type * as Driver from 'drizzle-orm/node-postgres';
import type * as Postgres from 'drizzle-orm/pg-core';

const require = createRequire(import.meta.url);

const core = require('drizzle-orm') as typeof Core;
const postgres = require('drizzle-orm/pg-core') as typeof Postgres;
const driver = require('drizzle-orm/node-postgres') as typeof Driver;

export const { and, count, desc, eq, gt, gte, isNotNull, isNull, lt, ne, notInArray, or, sql } =
  core;
export const {
  alias,
  bigint,
  boolean,
  customType,
  doublePrecision,
  integer,
  jsonb,
  pgSequence,
  pgTable,
  real,
  smallint,
  text,
  timestamp,
  uuid,
} = postgres;
export const { drizzle } = driver;
