// Who asks for something leaves here, as every operation of the API and every page is told.

import type { Account } from './account.ts';
import type { Login } from './login/login.ts';

interface Asked {
  /** The client's, canonical; undefined: a proxy did not say, and nothing may be granted for it. */
  readonly address: string | undefined;
  /** Who is at the other end of the connection: what limits count by where the client is unknown. */
  readonly peer?: string | undefined;
  readonly requestId: string;
  /** Not where admins come from (HUB_ADMIN_ALLOW_CIDRS, HUB_ADMIN_LISTEN): what an admin has here is his own alone. */
  readonly isOutside?: boolean;
}

export interface LoginCaller extends Asked {
  readonly kind: 'login';
  readonly account: Account;
  readonly login: Login;
}

interface TokenCaller extends Asked {
  readonly kind: 'token';
  readonly account: Account;
  readonly tokenId: string;
  readonly scopes: readonly string[];
}

interface NobodyCaller extends Asked {
  readonly kind: 'nobody';
}

export type Caller = LoginCaller | TokenCaller | NobodyCaller;

/** Whether he may see and change what is everybody's (row E-13). */
export function isAdminHere({ account, isOutside }: LoginCaller | TokenCaller): boolean {
  return account.role === 'admin' && isOutside !== true;
}

/** Who does something to accounts: somebody signed in, or whoever has a shell on the host. */
export type Actor = LoginCaller | TokenCaller | 'host';
