// The port to the database: what a backup reads of it at one moment, and what a restore writes into it, all of it or nothing.

import type { Readable } from 'node:stream';

import type { Manifest } from './manifest.ts';

interface Migration {
  /** Milliseconds since 1970: the number by which it is known. */
  readonly at: number;
  readonly hash: string;
}

/** Everything as it was at one moment, while others go on writing. Must be closed. */
export interface DatabaseDump {
  readonly postgres: string;
  readonly migrations: readonly Migration[];
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
  readonly sequences: readonly {
    readonly name: string;
    readonly value: string;
    readonly isCalled: boolean;
  }[];
  /** PostgreSQL's text form of COPY: one line for each row. One table at a time. */
  copyOut(table: string): Readable;
  close(): Promise<void>;
}

/** A database that is being filled; nobody sees anything of it before `commit`. */
export interface DatabaseLoad {
  /** Of a table that the manifest names; parts arrive in their order, and the tables one after the other. */
  write(table: string, rows: Uint8Array): Promise<void>;
  /** @throws BackupError backup.damaged when a table has other rows than the manifest says */
  commit(): Promise<void>;
  /** Everything is as it was. */
  abandon(): Promise<void>;
}

export interface LoadOptions {
  readonly manifest: Manifest;
  /** Marks what was committed, so that whoever finds files of an interrupted restore knows whether they belong to it. */
  readonly id: string;
  /** False: the tables stay those of the version that made the backup, as for going back to it. */
  readonly isForward: boolean;
  /** Leaves everything as it is, logins and links too: the data goes on living, elsewhere. */
  readonly isMove?: boolean;
}
