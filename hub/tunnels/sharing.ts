// Who asks for servers arrives; those that are his leave, and those that their owners share with him. The port that hub/db implements.

import type { Server } from './server.ts';

/** `all`: an admin's. Otherwise the servers of an owner, and what others share with the account. */
export type Reach = 'all' | { readonly ownerId: string; readonly accountId: string };

/** Somebody with whom a server is shared: sees it, and changes nothing. */
export interface Member {
  readonly accountId: string;
  readonly username: string;
  readonly since: Date;
}

export interface ServerSharing {
  /** Living servers, oldest first, from behind the one whose id is `after`. */
  list(reach: Reach, page: { after: string | undefined; limit: number }): Promise<Server[]>;
  /** Whether the account is a member of it; its owner is none. */
  isMember(serverId: string, accountId: string): Promise<boolean>;
  members(serverId: string): Promise<Member[]>;
  /** Twice is once. Undefined: there is no such account, or it is the owner's own. */
  addMember(serverId: string, username: string): Promise<Member | undefined>;
  /** False: it was none. */
  removeMember(serverId: string, accountId: string): Promise<boolean>;
}
