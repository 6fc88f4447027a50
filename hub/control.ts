// Words of the operator's commands arrive on a socket in the data folder; the running hub hears them, and says how it goes on.

import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { z } from 'zod';

import type { Logger } from '../shared/log.ts';

/** What a hub can be asked. Each line is one JSON object; only who may write into the data folder gets here. */
export interface ControlledHub {
  /** Stops listening for agents and asks those it has to move. Rejects nothing. */
  beginHandOver(): Promise<{ links: number; moved: number }>;
  /** The other process gave up: agents are taken again. */
  cancelHandOver(): Promise<void>;
  /** Drains, closes and ends the process. */
  askToStop(): void;
  readonly streamCount: number;
}

const command = z.object({ command: z.enum(['drain', 'hand-over', 'go']) });
const event = z.discriminatedUnion('event', [
  z.object({ event: z.literal('draining'), streams: z.number() }),
  z.object({ event: z.literal('moved'), links: z.number(), moved: z.number() }),
]);
export type ControlEvent = z.infer<typeof event>;

export class Control {
  readonly #server: Server;
  readonly #hub: ControlledHub;
  readonly #log: Logger;

  /** Undefined when the data folder can hold no socket: the hub runs, but cannot be spoken to. */
  static async open(folder: string, hub: ControlledHub, log: Logger): Promise<Control | undefined> {
    const path = socketPath(folder);
    if (path === undefined) {
      log.warn({ folder }, 'no control socket: the path of HUB_DATA_DIR is too long');
      return undefined;
    }
    const control = new Control(hub, log);
    try {
      // With a database elsewhere and certificates from files nothing else has made the folder.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Whoever held it is gone or has handed over: a hub is alone on its ports by now.
      await rm(path, { force: true });
      control.#server.listen(path);
      await once(control.#server, 'listening');
    } catch (error) {
      log.warn({ folder, err: error }, 'no control socket: HUB_DATA_DIR cannot be used');
      return undefined;
    }
    control.#server.on('error', () => undefined);
    return control;
  }

  private constructor(hub: ControlledHub, log: Logger) {
    this.#hub = hub;
    this.#log = log;
    this.#server = createServer((socket) => this.#converse(socket));
    this.#server.unref();
  }

  /** Takes the socket file away; conversations that are under way end with the process. */
  close(): void {
    this.#server.close();
  }

  #converse(socket: Socket): void {
    const tell = (said: ControlEvent): void => void socket.write(`${JSON.stringify(said)}\n`);
    let isHandingOver = false;
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (!isHandingOver) return;
      this.#log.warn('the other hub gave up taking over');
      void this.#hub.cancelHandOver();
    });
    createInterface(socket).on('line', (line) => {
      const said = wordOf(line);
      if (said === 'hand-over') {
        isHandingOver = true;
        void this.#hub.beginHandOver().then((moved) => tell({ event: 'moved', ...moved }));
      } else if (said === 'drain' || (said === 'go' && isHandingOver)) {
        isHandingOver = false;
        // The file first: the successor makes its own under the same name.
        this.close();
        tell({ event: 'draining', streams: this.#hub.streamCount });
        this.#hub.askToStop();
      }
    });
  }
}

/** The other end of the conversation. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #events: AsyncIterator<string>;

  /** Undefined: no hub runs with this data folder. */
  static async connect(folder: string): Promise<ControlClient | undefined> {
    const path = socketPath(folder);
    if (path === undefined) return undefined;
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return new ControlClient(socket);
    } catch {
      return undefined;
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    this.#events = createInterface(socket)[Symbol.asyncIterator]();
  }

  /** Says a word and hears the answer; undefined when the hub ended instead. */
  async ask(word: 'drain' | 'hand-over' | 'go'): Promise<ControlEvent | undefined> {
    this.#socket.write(`${JSON.stringify({ command: word })}\n`);
    const { done, value } = await this.#events.next();
    return done === true ? undefined : event.parse(JSON.parse(value));
  }

  /** Resolves when the hub's process has ended. */
  async ended(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }

  close(): void {
    this.#socket.destroy();
  }
}

function wordOf(line: string): string | undefined {
  try {
    return command.parse(JSON.parse(line)).command;
  } catch {
    return undefined;
  }
}

/** A Unix socket's path has 108 bytes on Linux and 104 on macOS; longer ones are cut off silently. */
const maxPathBytes = 103;

function socketPath(folder: string): string | undefined {
  const path = join(folder, 'hub.sock');
  return Buffer.byteLength(path) <= maxPathBytes ? path : undefined;
}
