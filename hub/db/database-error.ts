// What a database can do wrong arrives here; one sentence with its remedy leaves.

import { CodedError } from '../../shared/errors.ts';

export type DatabaseErrorCode =
  /** Nobody answers, or not in time. Passing: callers may try again. */
  | 'database.unreachable'
  /** Another hub works on the same folder. */
  | 'database.in-use'
  /** Older than the hub can use, or made by another major version than the hub brings. */
  | 'database.version'
  /** A newer hub has changed the tables already. */
  | 'database.newer'
  /** A migration could not be applied, and nothing of it was. */
  | 'database.migration'
  /** Its migrations count as done, and a table or column that they make is missing. */
  | 'database.schema'
  /** The data lives elsewhere: `phlix-hub database move` took it there. */
  | 'database.moved'
  /** There is data already where some was to be put. */
  | 'database.not-empty'
  | 'database.no-permission'
  | 'database.bad-url'
  | 'database.weak-password'
  | 'database.tls-required'
  | 'database.unsupported-platform'
  /** The folder of the hub's own database cannot be made or used. */
  | 'database.folder'
  /** The database's own program could not do its work. */
  | 'database.failed';

export class DatabaseError extends CodedError<DatabaseErrorCode> {}

/** SQLSTATE classes and errno codes that mean "not now": the same call may succeed later. */
const passing = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now: starting up or shutting down
  '53300', // too_many_connections
]);

/** Whether a failure to connect is worth another attempt. */
export function isPassing(error: unknown): boolean {
  return passing.has(codeOf(error)) || /timeout|terminated/i.test(messageOf(error));
}

/** Where a database is. */
export interface DatabasePlace {
  /** Never a URL: it holds the password. */
  readonly place: string;
  /** The hub starts it by itself: HUB_DATABASE_URL names none. */
  readonly isOwn: boolean;
}

/** The sentence for a failure to connect. */
export function connectFailure(error: unknown, { place, isOwn }: DatabasePlace): DatabaseError {
  const options = { cause: error };
  if (isOwn)
    return new DatabaseError(
      'database.unreachable',
      `the hub's own database in ${place} does not answer (${messageOf(error)}): the log of the hub says why; if it does not come back, start the hub again`,
      options,
    );
  const code = codeOf(error);
  if (code === '28P01' || code === '28000') {
    return new DatabaseError(
      'database.no-permission',
      `the database at ${place} refuses this user: check user and password in HUB_DATABASE_URL and the server's pg_hba.conf`,
      options,
    );
  }
  if (code === '3D000') {
    return new DatabaseError(
      'database.no-permission',
      `the database named in HUB_DATABASE_URL does not exist at ${place}: create it (createdb) and make the hub's user its owner`,
      options,
    );
  }
  if (code === '42501') {
    return new DatabaseError(
      'database.no-permission',
      `the hub's user may not use the database at ${place}: make it the database's owner (ALTER DATABASE ... OWNER TO ...)`,
      options,
    );
  }
  if (isTlsFailure(error)) {
    return new DatabaseError(
      'database.tls-required',
      `no verified TLS connection to the database at ${place} (${messageOf(error)}): give its certificate's authority with sslrootcert=/path/ca.pem in HUB_DATABASE_URL`,
      options,
    );
  }
  return new DatabaseError(
    'database.unreachable',
    `the database at ${place} does not answer (${messageOf(error)}): check that it runs and that HUB_DATABASE_URL names the right host and port`,
    options,
  );
}

function isTlsFailure(error: unknown): boolean {
  return (
    /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL)/.test(codeOf(error)) ||
    messageOf(error).includes('does not support SSL')
  );
}

/** `57014` of a server, `ECONNREFUSED` of a connection. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join(', ');
  }
  return error instanceof Error ? error.message : String(error);
}
