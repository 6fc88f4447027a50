// Who asks for something leaves here, as every operation of the API and every page is told.

import type { Account } from './account.ts';
import type { Login } from './login/login.ts';

interface Asked {
  /** The client's, canonical; undefined: a proxy did not say, and nothing may be granted for it. */
  readonly address: string | undefined;
  /** Who is at the other end of the connection: what limits count by where the client is unknown. */
  readonly peer?: string | undefined;
  readonly requestId: string;
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

/** Who does something to accounts: somebody signed in, or whoever has a shell on the host. */
export type Actor = LoginCaller | TokenCaller | 'host';
