// An audience arrives; the accounts that it means leave. A port: who owns what is known to the accounts, not here.

import type { Audience } from './notice.ts';

interface Addressee {
  readonly accountId: string;
  /** Only one that its holder has verified. */
  readonly email: string | undefined;
}

export interface Addressees {
  /** Active accounts only. None: whoever was meant is gone. */
  of(audience: Audience): Promise<readonly Addressee[]>;
}
