// What happened to somebody's server or account arrives; whoever should know of it is told, later and elsewhere: telling never waits and never fails.

/** Who is told: an account's own mail and targets, everybody who owns the server, or the hub's admins. Nobody hears twice. */
export type Audience =
  | {
      readonly kind: 'account';
      readonly accountId: string;
      /** A proven one that it had until now: who has it is told of its end. */
      readonly formerEmail?: string | undefined;
    }
  | { readonly kind: 'owner'; readonly ownerId: string; readonly andAdmins?: boolean }
  | { readonly kind: 'admins' };

export function isForAdmins(audience: Audience): boolean {
  return audience.kind === 'admins' || (audience.kind === 'owner' && audience.andAdmins === true);
}

/** Which browser or program did it, and from where. */
export interface Where {
  readonly address?: string | undefined;
  /** `Firefox on Windows`. */
  readonly software?: string | undefined;
}

/** What is told of each kind; a kind is also what a target can choose to hear of. */
export interface NoticeFacts {
  'server.offline': { readonly server: string; readonly since: Date; readonly minutes: number };
  'server.online': { readonly server: string; readonly offlineMs: number };
  /** The operator keeps it from its visitors. */
  'server.suspended': { readonly server: string; readonly reason: string };
  'server.resumed': { readonly server: string };
  'server.token-reused': Where & { readonly tokenId: string; readonly server?: string | undefined };
  /** Row D-05: its agent has another key; whoever has a copy of the former one is out, or it was he who changed it. */
  'server.key-rotated': Where & { readonly server: string };
  /** Two agents run with one key, from these two addresses. */
  'server.cloned': Where & { readonly server: string; readonly other: string };
  'server.transferred': { readonly server: string };
  'certificate.trouble': {
    readonly names: readonly string[];
    readonly notAfter: Date | undefined;
    /** What went wrong, a sentence without secrets. */
    readonly reason: string;
  };
  'login.new-device': Where;
  'login.new-network': Where & { readonly network: string };
  'login.travel': Where & {
    readonly speedKmh: number;
    readonly distanceKm: number;
    readonly isRefused: boolean;
  };
  'login.attacked': Where & { readonly attempts: number };
  'password.changed': Where;
  'email.changed': Where;
  'factor.added': Where & { readonly factor: string };
  'factor.removed': Where & { readonly factor: string };
  /** A passkey's counter went backwards: it may have been copied. */
  'factor.cloned': Where & { readonly factor: string };
  /** A factor's secret does not open any more, and nobody gets in by it (E-04). */
  'factor.unreadable': { readonly accountId: string; readonly factor: string };
  'recovery.used': Where & { readonly left: number };
  'recovery.low': { readonly left: number };
  'trust.replayed': Where;
  /** An admin reset the account's factors, or its holder did. */
  'account.reset': Where & { readonly by: string };
  'account.locked-down': Where;
  'token.created': Where & { readonly name: string };
  'device.paired': Where & { readonly name: string };
  'sso.linked': Where & { readonly provider: string };
  'sso.unlinked': Where & { readonly provider: string };
  'ban.added': {
    readonly address: string;
    readonly reason: string;
    readonly until?: Date | undefined;
  };
  /** It cannot be written, or what was to be written was lost. */
  'audit.trouble': { readonly reason: string };
  /** The scheduled one; it is tried again within the hour. */
  'backup.failed': { readonly reason: string };
  'login.local-open': { readonly until: Date };
  test: { readonly by: string };
}

export type NoticeKind = keyof NoticeFacts;

export interface NoticeOf<Kind extends NoticeKind> {
  readonly kind: Kind;
  readonly to: Audience;
  readonly facts: NoticeFacts[Kind];
  /** When it happened; now, where it is left out. */
  readonly at?: Date;
}

export type Notice = { readonly [Kind in NoticeKind]: NoticeOf<Kind> }[NoticeKind];

/** The port that everybody tells through. */
export interface Notices {
  /** Never throws, never blocks: what cannot be sent is logged and counted. */
  tell(notice: Notice): void;
}

/** For rooms that are tested without. */
export const noNotices: Notices = { tell: () => undefined };
