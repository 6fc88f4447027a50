// Lines of a log arrive; they leave into one file under one name, the older ones into numbered files beside it, and the oldest are dropped.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { leaveToOwner, unledFlag } from './ownership.ts';

export interface LogFileOptions {
  readonly path: string;
  /** A file that would grow beyond it is put aside first. 0: another program rotates, and says so by SIGHUP. */
  readonly maxBytes: number;
  /** Of those put aside: `hub.log.1` is the youngest. */
  readonly keptFiles: number;
  /** Told once when it cannot be written, and again after it could: the log itself is the wrong place. */
  readonly onTrouble: (error: unknown) => void;
}

/** For its owner, and for a group that may read it: lines name visitors' addresses. */
const fileMode = 0o640;
const folderMode = 0o750;

const appending = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY;

/**
 * Written line by line, before the next thing happens: the last words of a process that dies are what its log is for. Two
 * processes may write to the same file, since a line is appended by one call.
 */
export class LogFile {
  readonly #options: LogFileOptions;
  #file: number | undefined;
  #bytes = 0;
  /** Not a device or a pipe, which are nobody's to put aside. */
  #isRegular = true;
  #isFailing = false;

  /** @throws NodeJS.ErrnoException: the file cannot be made or written */
  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#open();
  }

  /** Never throws: a full disk ends no film. */
  write(line: string): void {
    try {
      const bytes = Buffer.byteLength(line);
      if (this.#file === undefined) this.#open();
      if (this.#isFull(bytes)) this.#rotate();
      if (this.#file !== undefined) writeSync(this.#file, line);
      this.#bytes += bytes;
      this.#isFailing = false;
    } catch (error) {
      this.#close();
      if (!this.#isFailing) this.#options.onTrouble(error);
      this.#isFailing = true;
    }
  }

  /** After another program put the file aside: the next line goes into a new one under the old name. */
  reopen(): void {
    this.#close();
  }

  #isFull(bytes: number): boolean {
    const { maxBytes } = this.#options;
    return this.#isRegular && maxBytes > 0 && this.#bytes > 0 && this.#bytes + bytes > maxBytes;
  }

  #rotate(): void {
    const { path, keptFiles } = this.#options;
    const isOurs = this.#isUnderItsName();
    this.#close();
    // The other process did it already.
    if (isOurs) {
      rmSync(`${path}.${keptFiles}`, { force: true });
      for (let number = keptFiles - 1; number >= 1; number -= 1)
        renameIfThere(`${path}.${number}`, `${path}.${number + 1}`);
      if (keptFiles > 0) renameIfThere(path, `${path}.1`);
      else rmSync(path, { force: true });
    }
    this.#open();
  }

  #isUnderItsName(): boolean {
    if (this.#file === undefined) return false;
    const named = statSync(this.#options.path, { throwIfNoEntry: false });
    return named?.ino === fstatSync(this.#file).ino;
  }

  #open(): void {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: folderMode });
    const file = openSync(path, appending | unledFlag(path), fileMode);
    this.#file = file;
    const found = fstatSync(file);
    this.#bytes = found.size;
    this.#isRegular = found.isFile();
    // The umask of a service would take the group's right away. Whoever made the file before may have chosen otherwise.
    if (this.#isRegular && this.#bytes === 0) this.#leaveToReaders(file);
  }

  /** Where the program runs as a user of its own, its file must stay writable when it was root that made it. */
  #leaveToReaders(file: number): void {
    fchmodSync(file, fileMode);
    leaveToOwner(this.#options.path, file);
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
