// A caller and his cookies arrive; a visit leaves, as the doors of accounts are told of it, and the cookies of a sign-in that went well.

import type { Caller } from '../../accounts/caller.ts';
import type { TrustCookie } from '../../accounts/factors/trusted-browsers.ts';
import { defaultAccountLimits } from '../../accounts/limits.ts';
import type { Entered, SignInVisit } from '../../accounts/login/entry.ts';
import type { CookieChange } from './cookies.ts';
import type { Surroundings } from '../operation/operation.ts';

export function visitOf(
  { address, peer, requestId }: Caller,
  { cookies, userAgent }: Surroundings,
): SignInVisit {
  const browser = cookies.get('phlix_dc');
  return { address, peer, requestId, userAgent, browser, trust: cookies.get('phlix_tb') };
}

/** The pre-login cookie is useless from now on. */
export function enteredCookies(entered: Entered, now = new Date()): CookieChange[] {
  return [
    sessionCookie(entered, now),
    {
      name: 'phlix_dc',
      value: entered.browser,
      maxAgeMs: defaultAccountLimits.knownBrowserMs,
    },
    { name: 'phlix_login', value: undefined },
    ...(entered.trust === undefined ? [] : [trustCookie(entered.trust, now)]),
  ];
}

export function sessionCookie(
  { login, secret }: Pick<Entered, 'login' | 'secret'>,
  now = new Date(),
): CookieChange {
  const maxAgeMs = Math.max(0, login.endsAt.getTime() - now.getTime());
  return { name: 'phlix_session', value: secret, maxAgeMs };
}

export function trustCookie({ value, expiresAt }: TrustCookie, now = new Date()): CookieChange {
  const maxAgeMs = Math.max(0, expiresAt.getTime() - now.getTime());
  return { name: 'phlix_tb', value, maxAgeMs };
}
