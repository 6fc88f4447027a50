// Entries about sign-in arrive; lines for fail2ban and people leave, in a file that another program may rotate.

import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

import type { Logger } from '../../shared/log.ts';
import type { AuditRecord } from './line.ts';
import { leaveToOwner, unledFlag } from '../../shared/ownership.ts';
import { cleanText, escapeInvisible } from './redaction.ts';

/** Undefined: nothing that a guard at the door would act on. */
function authLine(record: AuditRecord): string | undefined {
  if (!isOfSignIn(record.event)) return undefined;
  const { at, event, address, actorName, target, reason, requestId } = record;
  const user = record.actorId === undefined ? (target ?? actorName ?? '') : (actorName ?? '');
  // security.md row C-08: the address stands before any text of a stranger's, and such text cannot end its quotes.
  return [
    `${at.toISOString()} phlix-hub auth:`,
    `event=${event}`,
    `ip=${address ?? '-'}`,
    `user=${quoted(user)}`,
    `reason=${word(reason)}`,
    `rid=${word(requestId)}\n`,
  ].join(' ');
}

function isOfSignIn(event: string): boolean {
  return (
    event.startsWith('login.') ||
    event.startsWith('mfa.') ||
    event === 'token.denied' ||
    event === 'server.enrolment-denied'
  );
}

/** As JSON quotes: a quote, a backslash and a line feed inside are written as escapes. */
function quoted(text: string): string {
  return escapeInvisible(JSON.stringify(cleanText(text)));
}

function word(text: string | undefined): string {
  return text === undefined || text === '' ? '-' : text.replaceAll(/[^\w.:-]/g, '_');
}

/** Of the group that may read it; the rotating program keeps it that way. */
const mode = 0o640;
const appending = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY;

export class AuthLog {
  readonly #path: string;
  readonly #log: Logger;
  #file: FileHandle | undefined;
  #isFailing = false;
  #work: Promise<void> = Promise.resolve();

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    // fail2ban does not start where there is no file yet.
    this.#then(async () => {
      this.#file = await this.#open();
    });
  }

  write(records: readonly AuditRecord[]): void {
    const lines = records.map(authLine).filter((line) => line !== undefined);
    if (lines.length > 0) this.#then(() => this.#append(lines.join('')));
  }

  /** After the file was renamed: the next line goes into a new one under the old name. */
  reopen(): void {
    this.#then(async () => {
      await this.#close();
      this.#file = await this.#open();
    });
  }

  async close(): Promise<void> {
    this.#then(() => this.#close());
    await this.#work;
  }

  /** Resolves when all lines so far are written. */
  async settled(): Promise<void> {
    await this.#work;
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).then(
      () => {
        this.#isFailing = false;
      },
      (error: unknown) => this.#complain(error),
    );
  }

  async #append(text: string): Promise<void> {
    this.#file ??= await this.#open();
    // O_APPEND: the lines of two processes stand one after the other.
    await this.#file.appendFile(text);
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#path, appending | unledFlag(this.#path), mode);
    // The umask of a service would take the group's right away. Whoever made the file before may have chosen otherwise.
    if ((await file.stat()).size === 0) {
      await file.chmod(mode);
      leaveToOwner(this.#path, file.fd);
    }
    return file;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #complain(error: unknown): void {
    this.#file = undefined;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#log.error(
      { path: this.#path, err: error },
      'auth.log cannot be written: fail2ban sees nothing until it can; the audit log has the entries',
    );
  }
}
