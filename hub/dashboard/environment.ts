// What every page finds in its context leaves here: who asks, and the hub that it is a page of.

import type { Caller } from '../accounts/caller.ts';
import type { Assets } from './assets.ts';

interface Dashboard {
  readonly assets: Assets;
  /** The hub's own name, as people know it: `hub.example.org`. */
  readonly hubHost: string;
  /** `https://hub.example.org`, without a slash at the end. */
  readonly hubUrl: string;
}

export interface DashboardEnv {
  readonly Variables: {
    /** Set by hub/api before any page is asked. */
    readonly caller: Caller;
    /** This request came by a door, and from an address, for admins. */
    readonly isAdminDoorOpen: boolean;
    readonly dashboard: Dashboard;
  };
}
