// The bounds of the audit log leave here, each with its reason.

const second = 1000;
const day = 24 * 60 * 60 * second;

export interface AuditLimits {
  /** A file is closed when it is this long, or when its day (UTC) is over. */
  readonly fileBytes: number;
  /** Closed files that are kept. */
  readonly files: number;
  /** How long an entry can be asked for, in files and in the database. */
  readonly keptMs: number;
}

export const defaultAuditLimits: AuditLimits = {
  // Half a million entries: a text editor still opens it, and a tenth of it is left by gzip.
  fileBytes: 104_857_600,
  // A month of days, and 0.4 GB at most if somebody floods the hub with failures.
  files: 30,
  // A quarter of a year: how long an intrusion goes unseen more often than not.
  keptMs: 90 * day,
};

/** Names of people, ids, error codes; what is longer was written to fill the disk. */
export const maxTextLength = 256;

/** Entries of some 500 bytes while the disk does not answer: 50 MB, a minute of a heavy attack. */
export const maxQueued = 100_000;

/** One write, one fsync: some 3 ms of hashing before the process sees to its streams again. */
export const batchEntries = 500;

/** Several entries share one fsync; a twentieth of the second that row A-21 allows is left to a busy machine. */
export const flushDelayMs = 50;

/** Twenty times the delay above: what is not written by then waits for a disk or a database. */
export const findPatienceMs = 1000;

/** A disk that is full is asked again at this pace. */
export const retryDelayMs = 1000;

/** Another process holds the chain for the length of one write; one that is frozen keeps it. */
export const lockPatienceMs = 5 * second;

/** Longer than any line of ours: from its end back the last one is found. */
export const tailBytes = 65_536;
