// A request for people's side of the hub arrives; it goes on with its caller known, or ends at the first guard that it does not pass.

import { randomUUIDv7 } from 'node:crypto';

import type { MiddlewareHandler } from 'hono';

import type { CidrSet } from '../../../shared/net-address.ts';
import type { Ban } from '../../access/bans/ban.ts';
import { ApiError } from '../problem/api-error.ts';
import { arrivalOf, type Arrival, type HubEnv } from './arrival.ts';
import { callerOf, type LoginDesk, type TokenDesk } from './caller-of.ts';
import { ownCookies, setCookieLine, type CookieName } from './cookies.ts';
import { requireNoToken, requireOwnPage } from './guards.ts';
import { problem } from '../problem/problem.ts';

export interface PeopleDoor {
  /** `https://hub.example.org`: asked for anew each time, since port 0 is known only after listening. */
  readonly origin: () => string;
  readonly logins: LoginDesk;
  readonly tokens: TokenDesk;
  /** Whether somebody has signed in with the browser that this cookie names. */
  readonly browsers: { isSomebodys(secret: string | undefined): Promise<boolean> };
  readonly bans: { covering(address: string): Ban | undefined };
  readonly admins: AdminDoor;
  /** Paths whose GET opens a channel to a page: events. */
  readonly channels: ReadonlySet<string>;
}

/** Where admins may come from. */
interface AdminDoor {
  /** HUB_ADMIN_ALLOW_CIDRS; undefined: from anywhere. */
  readonly networks: CidrSet | undefined;
  /** False at the visitors' door where admins have one of their own (HUB_ADMIN_LISTEN). */
  readonly isHere: boolean;
}

/** Sets `caller`, `cookies`, `requestId` and `isAdminDoorOpen`. */
export function peopleDoor(door: PeopleDoor): MiddlewareHandler<HubEnv> {
  return async (context, next) => {
    const { req } = context;
    const arrival = arrivalOf(context.env.incoming);
    const ban = arrival.address === undefined ? undefined : door.bans.covering(arrival.address);
    if (ban?.origin === 'operator') return banned(context, ban);
    requireNoToken(req.url);
    const cookies = requireClearCookies(cookieLines(context.env.incoming.headers.cookie));
    const opensChannel = door.channels.has(req.path) || req.header('upgrade') !== undefined;
    requireOwnPage(req.method, req, { origin: door.origin(), opensChannel });
    const isAdminDoorOpen = opensToAdmins(door.admins, arrival);
    if (!isAdminDoorOpen && isAdminPath(req.path)) return context.notFound();
    const requestId = randomUUIDv7();
    const { address, peer } = arrival;
    const loginSecret = cookies.get('phlix_session');
    const credentials = { authorization: req.header('authorization'), loginSecret };
    const asked = { address, peer, requestId, isOutside: !isAdminDoorOpen };
    const caller = await callerOf(credentials, asked, door);
    // Failures of a neighbour at the same address shut nobody out who is in, or whose browser is known (security row A-10).
    const isShut = ban !== undefined && caller.kind === 'nobody' && req.method !== 'GET';
    if (isShut && !(await door.browsers.isSomebodys(cookies.get('phlix_dc'))))
      return banned(context, ban);
    if (caller.kind === 'nobody' && loginSecret !== undefined && !isCall(req.path)) {
      const forget = setCookieLine({ name: 'phlix_session', value: undefined });
      context.header('set-cookie', forget, { append: true });
    }
    context.set('caller', caller);
    context.set('cookies', cookies);
    context.set('requestId', requestId);
    context.set('isAdminDoorOpen', isAdminDoorOpen);
    return next();
  };
}

/** A cookie of HTTP/2 comes in crumbs, which Node joins; of HTTP/1.1 it joins lines with the same "; ". */
function cookieLines(cookie: string | string[] | undefined): readonly string[] {
  return cookie === undefined ? [] : [cookie].flat();
}

function requireClearCookies(lines: readonly string[]): ReadonlyMap<CookieName, string> {
  const cookies = ownCookies(lines);
  if (cookies !== undefined) return cookies;
  throw new ApiError(
    'api.cookies',
    'One of the hub’s cookies came twice, so one of them is not the hub’s: delete the cookies of this site.',
  );
}

/** An address that nobody knows is not among those allowed. */
function opensToAdmins({ networks, isHere }: AdminDoor, { address }: Arrival): boolean {
  if (!isHere) return false;
  return networks === undefined || (address !== undefined && networks.has(address));
}

/**
 * A call of the API may have been sent a moment before a step-up beside it gave the login another secret: to forget the cookie
 * then would sign the browser out. A page that is opened comes later.
 */
function isCall(path: string): boolean {
  return path.startsWith('/api/');
}

export function isAdminPath(path: string): boolean {
  return /^\/(?:api\/v1\/)?admin(?:\/|$)/.test(path);
}

function banned(context: Parameters<MiddlewareHandler<HubEnv>>[0], ban: Ban): Response {
  const until = ban.until?.toISOString();
  if (ban.until !== undefined) {
    const seconds = Math.max(1, Math.ceil((ban.until.getTime() - Date.now()) / 1000));
    context.header('retry-after', String(seconds));
  }
  const detail = `This address is shut out${until === undefined ? '' : ` until ${until}`}: too much went wrong from it. Whoever runs the hub can let it in again.`;
  return problem(context, 'api.banned', detail, { until: until ?? null });
}
