// Where notices go beside the account's own mail: what an owner or an admin wrote down, with its secret parts sealed. The store in hub/db/notices implements the port.

import type { Buffer } from 'node:buffer';

import type { NoticeKind } from '../notice.ts';

export const targetKinds = ['mail', 'webhook', 'ntfy', 'gotify'] as const;
export type TargetKind = (typeof targetKinds)[number];

export interface NoticeTarget {
  readonly id: string;
  /** Whose notices it hears; undefined: the hub's, which are for its admins. */
  readonly accountId: string | undefined;
  readonly kind: TargetKind;
  /** What a list may show of where it leads: a host, `r…n@example.org`. The whole address may be a secret in itself. */
  readonly label: string;
  /** Only of these; none: of all. */
  readonly kinds: readonly NoticeKind[];
  /** Networks that are closed to the hub's requests and that an admin opened for this one. */
  readonly allow: readonly string[];
  readonly isEnabled: boolean;
  readonly createdAt: Date;
  readonly lastSentAt: Date | undefined;
  /** Of the last attempt, where that failed. */
  readonly failure: { readonly at: Date; readonly reason: string } | undefined;
  /** `{ address, secret? }` as JSON, sealed for sealingContext(id). */
  readonly sealed: Buffer;
}

export interface TargetChange {
  readonly kinds?: readonly NoticeKind[] | undefined;
  readonly isEnabled?: boolean | undefined;
}

export interface NoticeTargetStore {
  /** False: there are `most` already. Of two at once one is too many. */
  insert(target: NoticeTarget, most: number): Promise<boolean>;
  /** Of an account, or of the hub (undefined), oldest first. */
  list(accountId: string | undefined): Promise<NoticeTarget[]>;
  find(id: string): Promise<NoticeTarget | undefined>;
  /** Enabled ones of these accounts, and with `hub` the hub's, that hear of this kind. */
  hearing(
    kind: NoticeKind,
    who: { accountIds: readonly string[]; hub: boolean },
  ): Promise<NoticeTarget[]>;
  change(id: string, change: TargetChange): Promise<NoticeTarget | undefined>;
  noteAttempt(id: string, at: Date, failure: string | undefined): Promise<void>;
  remove(id: string): Promise<boolean>;
  removeOf(accountId: string): Promise<void>;
  /** All of them: for another HUB_SECRET_KEY. */
  listAll(): Promise<NoticeTarget[]>;
  reseal(target: NoticeTarget, sealed: Buffer): Promise<void>;
}

export function sealingContext(targetId: string): string {
  return `notice-target:${targetId}`;
}
