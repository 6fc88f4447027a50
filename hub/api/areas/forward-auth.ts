// A proxy asks about a request that it holds; whether somebody is signed in leaves, and who (security row A-24): forward auth of Caddy, nginx and Traefik.

import { z, type RouteConfig } from '@hono/zod-openapi';
import { Hono, type Context } from 'hono';

import type { CidrSet } from '../../../shared/net-address.ts';
import { AccountError } from '../../accounts/account-error.ts';
import type { Account } from '../../accounts/account.ts';
import type { Caller } from '../../accounts/caller.ts';
import { safeReturnTo } from '../../accounts/sso/return-to.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { requireOwnPage } from '../doors/guards.ts';

export interface ForwardAuthOptions {
  /** `https://hub.example.org`: where people sign in. */
  readonly origin: () => string;
  /** Whoever is not among them describes a request that nobody has made. */
  readonly trustedProxies: CidrSet;
  readonly onAnswer: (result: ForwardAuthResult) => void;
}

type ForwardAuthResult = 'known' | 'unknown' | 'untrusted';

/** The request that waits at the proxy. */
interface Forwarded {
  readonly method: string;
  readonly proto: string;
  readonly host: string;
  readonly uri: string;
}

const forwardedField = z
  .string()
  .openapi({ description: 'Of the request that waits at the proxy' });

/** As the API's document has it. */
export const verifyRoute: RouteConfig = {
  operationId: 'forward-auth.verify',
  method: 'get',
  path: '/verify',
  summary: 'Whether the request that waits at a reverse proxy is somebody’s, and whose',
  description: 'For a proxy of HUB_TRUSTED_PROXIES alone.',
  tags: ['forward-auth'],
  security: [{ login: [] }, { token: ['account:read'] }],
  request: {
    headers: z.object({
      'X-Forwarded-Method': forwardedField,
      'X-Forwarded-Proto': forwardedField,
      'X-Forwarded-Host': forwardedField,
      'X-Forwarded-Uri': forwardedField,
    }),
  },
  responses: {
    204: {
      description: 'Somebody is signed in',
      headers: z.object({
        'X-Phlix-User': z.string().openapi({ description: 'Percent-encoded' }),
        'X-Phlix-Groups': z.string().openapi({ description: 'The role' }),
      }),
    },
    302: {
      description: 'Nobody is: a person who opened a page is led to the sign-in',
      headers: z.object({ Location: z.string() }),
    },
  },
  'x-auth': 'login',
  'x-scope': 'account:read',
  'x-step-up': 'none',
};

/** To be mounted at /api/v1. */
export function forwardAuth(options: ForwardAuthOptions): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  app.get('/verify', (context) => {
    const caller = context.get('caller');
    context.header('cache-control', 'no-store');
    const forwarded = forwardedBy(context, options.trustedProxies);
    if (forwarded === undefined) {
      options.onAnswer('untrusted');
      throw new AccountError(
        'login.required',
        'only a proxy of HUB_TRUSTED_PROXIES may ask this, and has to send X-Forwarded-Method, -Proto, -Host and -Uri, each once',
      );
    }
    const account = accountOf(caller);
    options.onAnswer(account === undefined ? 'unknown' : 'known');
    if (account === undefined) return turnAway(context, forwarded, options.origin());
    if (caller.kind === 'login') requireOwnPageThere(context, forwarded);
    context.header('x-phlix-user', encodeURIComponent(account.username));
    context.header('x-phlix-groups', account.role);
    return context.body(null, 204);
  });
  return app;
}

/**
 * Undefined: not to be believed. What lacks one of the four is decided about by nobody: a rule that is read from a field that
 * a visitor may have sent instead is his rule (CVE-2026-40575).
 */
function forwardedBy(context: Context<HubEnv>, trustedProxies: CidrSet): Forwarded | undefined {
  const { peer } = context.get('caller');
  if (peer === undefined || !trustedProxies.has(peer)) return undefined;
  const [method, proto, host, uri] = ['method', 'proto', 'host', 'uri'].map((name) =>
    context.req.header(`x-forwarded-${name}`),
  );
  const isWhole =
    /^[A-Z]{1,32}$/.test(method ?? '') &&
    /^https?$/.test(proto ?? '') &&
    /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host ?? '') &&
    /^\/[\x21-\x7e]{0,16383}$/.test(uri ?? '');
  return isWhole ? ({ method, proto, host, uri } as Forwarded) : undefined;
}

/** A login that may only enrol is nobody's yet; and a token that may not even say whose it is, as a television's, stands for nobody. */
function accountOf(caller: Caller): Account | undefined {
  if (caller.kind === 'nobody') return undefined;
  const maySay =
    caller.kind === 'login'
      ? caller.login.restriction === undefined
      : caller.scopes.includes('account:read');
  return maySay ? caller.account : undefined;
}

/** A program is told; a person who opens a page is led to the sign-in, and back to where that is a page of the hub's own name. */
function turnAway(context: Context<HubEnv>, { method, host, uri }: Forwarded, origin: string) {
  const isPage = method === 'GET' && context.req.header('accept')?.includes('text/html') === true;
  if (!isPage) throw new AccountError('login.required', 'sign in, or send a token as a bearer');
  const back = host === new URL(origin).host ? safeReturnTo(uri) : '/';
  const query = back === '/' ? '' : `?return=${encodeURIComponent(back)}`;
  return context.redirect(`${origin}/sign-in${query}`, 302);
}

/** The cookie came along with whatever some page sent: what changes something has to come from a page of that same place. */
function requireOwnPageThere(context: Context<HubEnv>, { method, proto, host }: Forwarded): void {
  requireOwnPage(method, context.req, { origin: `${proto}://${host}` });
}
