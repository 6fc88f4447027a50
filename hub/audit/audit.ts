// Something that happened arrives from any room; a line of the audit log leaves, in its own time.

import type { NotableEvent } from './event.ts';

/** Who did it: an account, whoever has a shell on the host, or the hub by itself. */
export type AuditActor =
  | { readonly id: string; readonly name: string }
  | (typeof ownActors)[number];

const ownActors = ['host', 'system'] as const;

/** Of whoever is no account: entries hold no id beside it. */
export function isOwnActor(name: string): boolean {
  return ownActors.some((own) => own === name);
}

/** For lists that people read: an account that was given such a name before it was reserved is not taken for the hub. */
export function shownActor(id: string | undefined, name: string | undefined): string | undefined {
  if (id === undefined || name === undefined) return name ?? id;
  return isOwnActor(name.toLowerCase()) ? `${name} (an account)` : name;
}

export interface AuditEntry {
  readonly event: NotableEvent;
  /** Absent: nobody knows, as before a sign-in. */
  readonly actor?: AuditActor | undefined;
  /** The client's, canonical (parseAddress). Absent: unknown, never the proxy's. */
  readonly address?: string | undefined;
  /** What was acted on: an id or a name. Of `login.failed` the name as it was typed. Never a secret. */
  readonly target?: string | undefined;
  /** The server's id. */
  readonly server?: string | undefined;
  readonly result: 'ok' | 'denied' | 'failed';
  /** How: `password`, `passkey`, `totp`, `token`, `cli` ... */
  readonly method?: string | undefined;
  /** Why, in a word or an error code. */
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
}

/** What every room is given. */
export interface Audit {
  /** Never throws, never blocks; on the disk within a second. */
  note(entry: AuditEntry): void;
}

/** For rooms that are tested without a log. */
export const noAudit: Audit = { note: () => undefined };
