// A browser on its way to an identity provider, and on its way back, arrives; it leaves signed in, linked, proven, or at a page that says why not (row A-06).

import { Hono, type Context } from 'hono';

import { AccountError } from '../../accounts/account-error.ts';
import type { Logins } from '../../accounts/login/logins.ts';
import type { Arrival, Sso } from '../../accounts/sso/sso.ts';
import type { SsoLogout } from '../../accounts/sso/sso-logout.ts';
import type { Caller } from '../../accounts/caller.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { setCookieLine, type CookieChange } from '../doors/cookies.ts';
import { bytesOf } from '../operation/input.ts';
import { landingPolicy, providerAwayPage } from '../landing-page.ts';
import { paced } from '../doors/pace.ts';
import { oidcCookie } from './sso.ts';
import { enteredCookies, sessionCookie, visitOf } from '../doors/visit.ts';

export interface OidcOptions {
  readonly sso: Sso;
  readonly ssoLogout: SsoLogout;
  readonly logins: Pick<Logins, 'end'>;
  readonly hubHost: string;
}

/** Of one address within a minute: each costs a row and perhaps a request to the provider; a household signs in ten times. */
const pace = { limit: 60, windowMs: 60_000 };
/** A logout token of the longest claims has 2 KiB. */
const formLimits = { bytes: 16_384, timeoutMs: 10_000 };

/** To be mounted at /auth/oidc. */
export function oidcRoutes(options: OidcOptions): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  app.use(paced(pace));
  app.get('/:id/start', async (context) =>
    orExplained(context, options, async () => {
      const { id } = context.req.param();
      const departure = await options.sso.begin(
        id,
        { kind: 'sign-in' },
        context.req.query('return'),
      );
      return leave(context, departure.url, [oidcCookie(departure)]);
    }),
  );
  app.get('/:id/callback', async (context) =>
    orExplained(context, options, async () => {
      const arrival = await options.sso.finish({
        providerId: context.req.param('id'),
        query: new URL(context.req.url).search,
        secret: context.get('cookies').get('phlix_oidc'),
        caller: context.get('caller'),
        visit: visitIn(context),
      });
      if (arrival.kind === 'signed-in' && arrival.outcome.kind === 'done')
        await endFormer(context, options);
      return arrive(context, arrival);
    }),
  );
  app.post('/:id/back-channel-logout', async (context) => endByProvider(context, options));
  return app;
}

const spent: CookieChange = { name: 'phlix_oidc', value: undefined };

function arrive(context: Context<HubEnv>, arrival: Arrival): Response {
  const { returnTo } = arrival;
  if (arrival.kind === 'linked') return leave(context, returnTo, [spent]);
  if (arrival.kind === 'stepped-up') {
    const { steppedUp } = arrival;
    if (steppedUp.kind === 'lifted')
      return leave(context, returnTo, [
        spent,
        ...(steppedUp.begun === undefined ? [] : [sessionCookie(steppedUp.begun)]),
      ]);
    // Behind the hash it reaches the page alone: no server, no log and no Referer has it.
    const page = returnTo.replace(/#.*$/, '');
    return leave(context, `${page}#step-up=${steppedUp.proof}`, [spent]);
  }
  const { outcome } = arrival;
  if (outcome.kind === 'done') {
    const after = outcome.login.restriction === 'enrol' ? '/enrol' : returnTo;
    return leave(context, after, [spent, ...enteredCookies(outcome)]);
  }
  const next = returnTo === '/' ? '' : `&return=${encodeURIComponent(returnTo)}`;
  const transaction: CookieChange = { name: 'phlix_login', value: outcome.transaction };
  const methods = outcome.methods.join(',');
  return leave(context, `/sign-in?factor=${methods}${next}`, [spent, transaction]);
}

/** A browser that was signed in, and signs in anew, leaves no login behind that nobody holds a cookie of. */
async function endFormer(context: Context<HubEnv>, { logins }: OidcOptions): Promise<void> {
  const caller = context.get('caller');
  if (caller.kind === 'login') await logins.end(caller.login);
}

function leave(
  context: Context<HubEnv>,
  location: string,
  cookies: readonly CookieChange[],
): Response {
  for (const cookie of cookies)
    context.header('set-cookie', setCookieLine(cookie), { append: true });
  context.header('cache-control', 'no-store');
  return context.redirect(location, 303);
}

/** A person looks at this: a page that says what to do instead of JSON. */
async function orExplained(
  context: Context<HubEnv>,
  { hubHost }: OidcOptions,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    if (error.code === 'sso.unavailable') {
      context.header('content-security-policy', landingPolicy);
      context.header('cache-control', 'no-store');
      context.header('retry-after', '60');
      return context.html(providerAwayPage(hubHost), 503);
    }
    return leave(
      context,
      `${explainingPage(context.get('caller'))}?problem=${encodeURIComponent(error.code)}`,
      [spent],
    );
  }
}

function explainingPage(caller: Caller): string {
  if (caller.kind !== 'login') return '/sign-in';
  return caller.login.restriction === undefined ? '/security' : '/enrol';
}

/** OpenID Connect Back-Channel Logout 1.0 §2.8: 200, or 400 with OAuth's words. */
async function endByProvider(
  context: Context<HubEnv>,
  { ssoLogout }: OidcOptions,
): Promise<Response> {
  context.header('cache-control', 'no-store');
  const { bytes, timeoutMs } = formLimits;
  const form = new URLSearchParams(String(await bytesOf(context.req.raw, bytes, timeoutMs)));
  try {
    await ssoLogout.endByProvider(context.req.param('id') ?? '', form.get('logout_token') ?? '');
    return context.body(null, 200);
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    return context.json({ error: 'invalid_request' }, error.code === 'sso.unavailable' ? 503 : 400);
  }
}

function visitIn(context: Context<HubEnv>) {
  return visitOf(context.get('caller'), {
    cookies: context.get('cookies'),
    userAgent: context.req.header('user-agent'),
    isAdminDoorOpen: context.get('isAdminDoorOpen'),
    signal: context.req.raw.signal,
  });
}
