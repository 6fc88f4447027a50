// HUB_DATABASE_URL arrives; the connection settings of `pg` leave, or the reason why the hub refuses them (security rows E-01, E-08).

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { ClientConfig } from 'pg';
import { DatabaseError } from './database-error.ts';

/** E-01: shorter passwords are guessed, and the hub's database holds the keys to every server behind it. */
const minPasswordLength = 16;

export interface ExternalServer {
  readonly connection: ClientConfig;
  /** `host:port/database` or `/socket/folder/database`: fit for logs, without user and password. */
  readonly place: string;
}

/**
 * Reads `postgresql://user:password@host:port/database?sslrootcert=/ca.pem`, or with `?host=/run/postgresql` for a Unix socket.
 * @throws DatabaseError database.bad-url | database.weak-password | database.tls-required
 */
export function externalServer(text: string): ExternalServer {
  const url = parseUrl(text);
  const options = url.searchParams;
  const urlHost = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1');
  const host = options.get('host') ?? (urlHost === placeholderHost ? '' : urlHost);
  const database = decodeURIComponent(url.pathname.slice(1));
  const user = decodeURIComponent(url.username) || (options.get('user') ?? '');
  if (host === '' || database === '' || user === '') {
    const missing = host === '' ? 'host' : database === '' ? 'database' : 'user';
    throw badUrl(`it names no ${missing}`);
  }
  const port = url.port === '' ? 5432 : Number(url.port);
  const password = decodeURIComponent(url.password);
  const isSocket = host.startsWith('/');
  const place = isSocket ? `${host}/${database}` : `${host}:${port}/${database}`;
  const base = { host, port, database, user };
  if (isSocket) {
    return { connection: password === '' ? base : { ...base, password }, place };
  }
  requireStrongPassword(password);
  const ssl = tlsSettings(host, options);
  return { connection: { ...base, password, ...(ssl === undefined ? {} : { ssl }) }, place };
}

/** WHATWG URLs cannot say `user@/database`, libpq's way to write "the host is in the query". */
const placeholderHost = 'socket.invalid';

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text.replace(/^(\w+:\/\/[^/?#]*@)\//, `$1${placeholderHost}/`));
    decodeURIComponent(url.username + url.password + url.hostname + url.pathname);
  } catch (error) {
    throw badUrl('it is no URL', error);
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw badUrl('it does not begin with postgresql://');
  }
  const unknown = [...url.searchParams.keys()].find((name) => !knownOptions.has(name));
  if (unknown !== undefined) {
    throw badUrl(`it has the option ${unknown}, which the hub does not know`);
  }
  return url;
}

const knownOptions = new Set(['host', 'user', 'sslmode', 'sslrootcert']);

function requireStrongPassword(password: string): void {
  if (password.length < minPasswordLength) {
    throw new DatabaseError(
      'database.weak-password',
      `HUB_DATABASE_URL has ${password === '' ? 'no password' : `a password of fewer than ${minPasswordLength} characters`}: set a longer one (openssl rand -base64 24), or connect through a Unix socket with peer authentication (?host=/run/postgresql)`,
    );
  }
}

/** undefined: no TLS, which loopback alone may ask for or leave out. */
function tlsSettings(host: string, options: URLSearchParams): ClientConfig['ssl'] {
  const mode = options.get('sslmode') ?? (isLoopback(host) ? 'disable' : 'verify-full');
  if (mode === 'verify-full') {
    const caFile = options.get('sslrootcert');
    return {
      rejectUnauthorized: true,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(caFile === null ? {} : { ca: readCa(caFile) }),
    };
  }
  if (mode === 'disable' && isLoopback(host)) {
    return undefined;
  }
  if (!knownModes.has(mode)) {
    throw badUrl(`it has the unknown sslmode ${mode}`);
  }
  throw new DatabaseError(
    'database.tls-required',
    `HUB_DATABASE_URL asks for sslmode=${mode}, which lets anyone between hub and database pose as the database: use sslmode=verify-full, with sslrootcert=/path/ca.pem if its certificate is not a public one`,
  );
}

const knownModes = new Set(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'no-verify']);

function isLoopback(host: string): boolean {
  return host === 'localhost' || (isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback');
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw badUrl(`its sslrootcert ${file} cannot be read`, error);
  }
}

function badUrl(what: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    'database.bad-url',
    `HUB_DATABASE_URL cannot be used: ${what}. Write postgresql://user:password@host:5432/database, or postgresql://user@/database?host=/run/postgresql`,
    { cause },
  );
}
