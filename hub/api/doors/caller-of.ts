// A login cookie or a bearer token arrives; who asks leaves: a login, a token, or nobody (security rows ).

import type { Account } from '../../accounts/account.ts';
import { AccountError } from '../../accounts/account-error.ts';
import type { Caller } from '../../accounts/caller.ts';
import type { Login } from '../../accounts/login/login.ts';

/** Browsers' logins. */
export interface LoginDesk {
  find(
    secret: string,
    from: { readonly address: string | undefined; readonly requestId: string },
  ): Promise<{ readonly account: Account; readonly login: Login } | undefined>;
}

/** Personal and device tokens. */
export interface TokenDesk {
  find(
    text: string,
    from: {
      readonly address: string | undefined;
      readonly peer: string | undefined;
      readonly requestId: string;
    },
  ): Promise<
    | { readonly account: Account; readonly tokenId: string; readonly scopes: readonly string[] }
    | undefined
  >;
}

export interface Credentials {
  /** The Authorization field. */
  readonly authorization: string | undefined;
  /** The value of the login's cookie. */
  readonly loginSecret: string | undefined;
}

interface Asked {
  readonly address: string | undefined;
  readonly peer: string | undefined;
  readonly requestId: string;
  readonly isOutside: boolean;
}

/**
 * A bearer goes before a cookie: whoever sends one means it. A cookie that is worth nothing makes a caller nobody, so that the
 * way to the sign-in is open; a token that is worth nothing is an error, since a program would not notice.
 * @throws AccountError token.invalid, and what the desks throw
 */
export async function callerOf(
  { authorization, loginSecret }: Credentials,
  asked: Asked,
  { logins, tokens }: { logins: LoginDesk; tokens: TokenDesk },
): Promise<Caller> {
  const bearer = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (bearer !== undefined) {
    const found = await tokens.find(bearer, asked);
    if (found !== undefined) return { kind: 'token', ...asked, ...found };
    throw new AccountError(
      'token.invalid',
      'this token is unknown, revoked or expired: make a new one on the page of tokens',
    );
  }
  const found = loginSecret === undefined ? undefined : await logins.find(loginSecret, asked);
  return found === undefined ? { kind: 'nobody', ...asked } : { kind: 'login', ...asked, ...found };
}
