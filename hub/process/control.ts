// Words of the operator's commands and of a successor arrive on a socket in the data folder; the running hub hears them, and says how it goes on.

import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import type { Finding } from '../../shared/doctor/finding.ts';
import type { Logger } from '../../shared/log.ts';
import {
  lineOf,
  parseWord,
  socketPath,
  type ControlEvent,
  type ControlWord,
} from './control-words.ts';

/** What a hub can be asked. Each line is one JSON object; only who may write into the data folder gets here. */
export interface ControlledHub {
  /** Stops listening for agents and asks those it has to move. Rejects nothing. */
  beginHandOver(): Promise<{ links: number; moved: number }>;
  /** The other process gave up: agents are taken again, as soon as can be. */
  cancelHandOver(): void;
  /** Drains, closes and ends the process. `host`: somebody's command; `system`: another process has taken over. */
  askToStop(by: 'host' | 'system'): void;
  readonly streamCount: number;
}

/** Rejects nothing. */
interface ControlledDoctor {
  look(): Promise<readonly Finding[]>;
}

/** Rejects nothing. */
interface ControlledReadiness {
  answer(): Promise<{ readonly status: number; readonly body: object }>;
}

/** Who answers for the hub how it is. */
export interface Witnesses {
  readonly doctor?: ControlledDoctor;
  readonly readiness?: ControlledReadiness;
}

export class Control {
  readonly #server: Server;
  readonly #hub: ControlledHub;
  readonly #witnesses: Witnesses;
  readonly #log: Logger;
  /** Who takes over: one at a time, or agents would be sent from one to the other. */
  #successor: Socket | undefined;
  #isHandingOver = false;

  /** Undefined when the data folder can hold no socket: the hub runs, but cannot be spoken to. */
  static async open(
    folder: string,
    hub: ControlledHub,
    log: Logger,
    witnesses: Witnesses = {},
  ): Promise<Control | undefined> {
    const control = new Control(hub, log, witnesses);
    try {
      const path = socketPath(folder);
      // With a database elsewhere and certificates from files nothing else has made the folder.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Whoever held it is gone or has handed over: a hub is alone on its ports by now.
      await rm(path, { force: true });
      control.#server.listen(path);
      await once(control.#server, 'listening');
    } catch (error) {
      log.warn(
        { folder, err: error },
        'no control socket: drain and start --take-over will not find this hub, SIGTERM will',
      );
      return undefined;
    }
    control.#server.on('error', () => undefined);
    return control;
  }

  private constructor(hub: ControlledHub, log: Logger, witnesses: Witnesses) {
    this.#hub = hub;
    this.#witnesses = witnesses;
    this.#log = log;
    this.#server = createServer((socket) => this.#converse(socket));
    this.#server.unref();
  }

  /** Takes the socket file away; conversations that are under way end with the process. */
  close(): void {
    this.#server.close();
  }

  #converse(socket: Socket): void {
    socket.on('error', () => undefined);
    socket.once('close', () => this.#release(socket));
    const lines = createInterface(socket);
    // It repeats the socket's errors: without somebody who hears them, a command that leaves early would end the hub.
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const word = parseWord(line);
      if (word !== undefined) this.#hear(word, socket);
    });
  }

  #hear(word: ControlWord, socket: Socket): void {
    if (word === 'take-over') return this.#reserve(socket);
    if (word === 'drain') return this.#stop(socket, 'host');
    if (word === 'doctor') return this.#examine(socket);
    if (word === 'ready') return this.#tellReadiness(socket);
    // The other two are the successor's.
    if (socket !== this.#successor) return undefined;
    if (word === 'hand-over') return this.#handOver(socket);
    this.#successor = undefined;
    return this.#stop(socket, 'system');
  }

  #reserve(socket: Socket): void {
    this.#successor ??= socket;
    tell(socket, { event: this.#successor === socket ? 'reserved' : 'busy' });
  }

  #handOver(socket: Socket): void {
    this.#isHandingOver = true;
    void this.#hub.beginHandOver().then((moved) => tell(socket, { event: 'moved', ...moved }));
  }

  #examine(socket: Socket): void {
    void this.#witnesses.doctor?.look().then((found) => {
      tell(socket, { event: 'examined', findings: [...found] });
    });
  }

  #tellReadiness(socket: Socket): void {
    void this.#witnesses.readiness?.answer().then(({ status, body }) => {
      tell(socket, { event: 'readiness', ready: status === 200, parts: body });
    });
  }

  #stop(socket: Socket, by: 'host' | 'system'): void {
    // The file first: the successor makes its own under the same name.
    this.close();
    tell(socket, { event: 'draining', streams: this.#hub.streamCount });
    this.#hub.askToStop(by);
  }

  #release(socket: Socket): void {
    if (socket !== this.#successor) return;
    this.#successor = undefined;
    if (!this.#isHandingOver) return;
    this.#isHandingOver = false;
    this.#log.warn('the other hub gave up taking over');
    this.#hub.cancelHandOver();
  }
}

function tell(socket: Socket, said: ControlEvent): void {
  socket.write(lineOf(said));
}
