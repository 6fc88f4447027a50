// A request for a name that has a new owner arrives; what makes the browser forget the former one leaves, once for each browser. Pure (security row D-07).

import { createHash } from 'node:crypto';

import type { FieldLines, VisitorRequest } from './visitor.ts';

export interface NewlyOwned {
  readonly serverId: string;
  /** When the name came from another owner; undefined: it did not. */
  readonly newOwnerSince?: Date | undefined;
}

/** As long as a released name is closed to others: whoever comes back less often than that meets a name that was closed before. */
const clearingMs = 90 * 86_400_000;

const none: FieldLines = [];

/** `__Host-`: no neighbour can set it, and no tenant either (response-policy.ts). */
const cookieName = '__Host-phlix-cleared';

/**
 * For the head of the answer. A service worker of the former owner answers navigations out of its own store, but the browser
 * asks for its script past it; and what is not intercepted is met at the navigation itself. Both are cleared: workers, storage and
 * cached pages, and not cookies, which would be those of the hub and of all its servers too.
 *
 * Cleared at each navigation, the new owner's visitors would be logged out by each for three months. So the browser gets a mark,
 * which the former owner's scripts could not have left in advance: nobody knew the number in it.
 */
export function clearingFields(
  request: Pick<VisitorRequest, 'method' | 'fields' | 'wantsPage'>,
  tunnel: NewlyOwned,
  now: Date,
): FieldLines {
  const since = tunnel.newOwnerSince;
  if (since === undefined || now.getTime() - since.getTime() >= clearingMs) return none;
  const isWorker = valueOf(request.fields, 'service-worker') === 'script';
  if (!isWorker && !isNavigation(request)) return none;
  const mark = markOf(tunnel.serverId, since);
  if (hasCookie(request.fields, `${cookieName}=${mark}`)) return none;
  const fields = ['clear-site-data', '"cache","storage"'];
  // A worker's script alone proves nothing: browsers that clear for it are not all of them.
  if (isWorker) return fields;
  const cookie = `${cookieName}=${mark}; Path=/; Max-Age=${clearingMs / 1000}; Secure; HttpOnly; SameSite=Lax`;
  return [...fields, 'set-cookie', cookie];
}

/**
 * Without what lets an origin answer "as you have it": what the browser has is the former owner's, and two servers of one
 * product have the same tags.
 */
export function unconditional(fields: FieldLines): FieldLines {
  return fields.filter((_, at) => !conditions.has(fields[at - (at % 2)] ?? ''));
}

const conditions = new Set(['if-none-match', 'if-modified-since']);

/** Browsers say so since 2020; those from before ask for a page. */
function isNavigation({
  method,
  fields,
  wantsPage,
}: Pick<VisitorRequest, 'method' | 'fields' | 'wantsPage'>): boolean {
  const mode = valueOf(fields, 'sec-fetch-mode');
  if (mode !== undefined) return mode === 'navigate' || mode === 'nested-navigate';
  return wantsPage && (method === 'GET' || method === 'HEAD');
}

function valueOf(fields: FieldLines, wanted: string): string | undefined {
  const at = fields.findIndex((name, i) => i % 2 === 0 && name === wanted);
  return at < 0 ? undefined : fields[at + 1]?.trim().toLowerCase();
}

function hasCookie(fields: FieldLines, wanted: string): boolean {
  return fields.some(
    (value, at) =>
      at % 2 === 1 &&
      fields[at - 1] === 'cookie' &&
      value.split(';').some((pair) => pair.trim() === wanted),
  );
}

/** The server's id is not known to anybody outside, nor the moment to the millisecond. */
function markOf(serverId: string, since: Date): string {
  const text = `${serverId} ${since.getTime()}`;
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
