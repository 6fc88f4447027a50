// The data folder of a running hub arrives; a conversation with that hub leaves, in which no answer is waited for without end.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';

import {
  ControlError,
  lineOf,
  parseEvent,
  socketPath,
  type ControlEvent,
  type ControlWord,
} from './control-words.ts';
import { lookPatienceMs } from '../../shared/doctor/look.ts';
import { movePatienceMs } from './hand-over.ts';

/** A hub under attack answers late; one that says nothing for this long hangs. */
const answerMs = 10_000;

export interface Patience {
  /** How long an answer may take, besides what the asked hub itself waits for. */
  readonly answerMs: number;
  /** How long its doctor may look. */
  readonly lookMs?: number;
}

export class ControlClient {
  readonly #folder: string;
  readonly #socket: Socket;
  readonly #events: AsyncIterator<string>;
  readonly #patience: Patience;

  /**
   * Undefined: no hub runs with this data folder.
   * @throws ControlError control.no-permission | control.path-too-long
   */
  static async connect(
    folder: string,
    patience: Patience = { answerMs },
  ): Promise<ControlClient | undefined> {
    const socket = connect(socketPath(folder));
    try {
      await once(socket, 'connect');
      return new ControlClient(folder, socket, patience);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES' && code !== 'EPERM') return undefined;
      throw new ControlError(
        'control.no-permission',
        `The hub of ${folder} belongs to another user: run this command as the user that runs the hub.`,
        { cause: error },
      );
    }
  }

  private constructor(folder: string, socket: Socket, patience: Patience) {
    this.#folder = folder;
    this.#socket = socket;
    this.#patience = patience;
    socket.on('error', () => undefined);
    this.#events = createInterface(socket)[Symbol.asyncIterator]();
  }

  /**
   * Keeps the place of the running hub for this process, and for nobody else until the conversation ends.
   * @throws ControlError control.silent | control.busy
   */
  async takeOver(): Promise<void> {
    const answer = await this.ask('take-over');
    if (answer?.event !== 'busy') return;
    throw new ControlError(
      'control.busy',
      `Another process takes the place of the hub of ${this.#folder} already: wait until it serves.`,
    );
  }

  /**
   * Says a word and hears the answer; undefined when the hub ended instead.
   * @throws ControlError control.silent
   */
  async ask(word: ControlWord): Promise<ControlEvent | undefined> {
    this.#socket.write(lineOf({ command: word }));
    const { answerMs, lookMs = lookPatienceMs } = this.#patience;
    const longer = { 'hand-over': movePatienceMs, doctor: lookMs };
    const waitMs = answerMs + (word === 'hand-over' || word === 'doctor' ? longer[word] : 0);
    const { done, value } = await this.#answer(waitMs);
    return done === true ? undefined : parseEvent(value);
  }

  /** Resolves when the hub's process has ended. */
  async ended(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }

  close(): void {
    this.#socket.destroy();
  }

  async #answer(waitMs: number): Promise<IteratorResult<string>> {
    const answered = new AbortController();
    const silence = after(waitMs, undefined, { signal: answered.signal }).then(() => {
      throw new ControlError(
        'control.silent',
        `The hub of ${this.#folder} has not answered for ${waitMs / 1000} s: it hangs, or has no time. Look at its log; kill -9 ends it, and its agents come back to the next one.`,
      );
    });
    // Aborted, it is nobody's failure.
    silence.catch(() => undefined);
    try {
      // The hub is gone, with a word of ours on the way: an end like any other.
      const next = this.#events.next().catch(() => ({ done: true, value: undefined }) as const);
      return await Promise.race([next, silence]);
    } finally {
      answered.abort();
    }
  }
}
