// An address to listen on arrives; connections that come there are answered message by message (RFC 7766), few at a time and none for ever.

import { Buffer } from 'node:buffer';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import type { ListenAddress } from '../../../../shared/listen-address.ts';
import type { ResponderLimits } from './limits.ts';
import { addressBlock } from './rate-limit.ts';

export interface TcpDoorOptions {
  readonly limits: ResponderLimits;
  /** Another process of this hub may listen on the port too. */
  readonly isShared: boolean;
  readonly answer: (message: Buffer) => Buffer | undefined;
}

/** Before each message, its length (RFC 1035 §4.2.2). */
const prefixBytes = 2;

export class TcpDoor {
  readonly #server: Server;
  readonly #options: TcpDoorOptions;
  /** Whoever asked last is at the end. */
  readonly #connections = new Set<Connection>();

  /** @throws the system's error of bind */
  static async open({ host, port }: ListenAddress, options: TcpDoorOptions): Promise<TcpDoor> {
    const door = new TcpDoor(options);
    await new Promise<void>((resolve, reject) => {
      door.#server.once('error', reject);
      const place = { port, ...(host !== undefined && { host }), reusePort: options.isShared };
      door.#server.listen(place, () => {
        door.#server.off('error', reject);
        // Without descriptors for one more, those that are open are served.
        door.#server.on('error', () => undefined);
        resolve();
      });
    });
    return door;
  }

  private constructor(options: TcpDoorOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      this.#meet(socket),
    );
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#connections) socket.destroy();
    await closed;
  }

  #meet(socket: Socket): void {
    socket.on('error', () => undefined);
    const block = addressBlock(socket.remoteAddress ?? '');
    const { limits } = this.#options;
    const ofBlock = [...this.#connections].filter((connection) => connection.block === block);
    if (ofBlock.length >= limits.connectionsPerBlock) {
      socket.destroy();
      return;
    }
    if (this.#connections.size >= limits.connections) {
      const [oldest] = this.#connections;
      oldest?.socket.destroy();
      if (oldest !== undefined) this.#connections.delete(oldest);
    }
    const connection = new Connection(socket, block, this.#options, () => {
      this.#connections.delete(connection);
      this.#connections.add(connection);
    });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }
}

class Connection {
  readonly socket: Socket;
  readonly block: string;
  readonly #options: TcpDoorOptions;
  readonly #onAnswered: () => void;
  readonly #deadline: NodeJS.Timeout;
  #rest: NodeJS.Timeout | undefined;
  /** Not yet a whole message, or more than its turn allows: one read of the socket and one message at most. */
  #held: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, block: string, options: TcpDoorOptions, onAnswered: () => void) {
    this.socket = socket;
    this.block = block;
    this.#options = options;
    this.#onAnswered = onAnswered;
    this.#deadline = setTimeout(() => socket.destroy(), options.limits.idleMs);
    socket.once('close', () => {
      clearTimeout(this.#deadline);
      clearTimeout(this.#rest);
    });
    socket.on('data', (piece: Buffer) => {
      this.#held = Buffer.concat([this.#held, piece]);
      this.#takeTurn();
    });
    socket.on('drain', () => this.#takeTurn());
    // Whoever has said all is told the rest; then there is nothing more to say on either side.
    socket.on('end', () => this.#takeTurn());
  }

  /** Answers a few, and takes no more until the next turn or until its answers are read: TCP tells the asker to wait. */
  #takeTurn(): void {
    const { limits } = this.#options;
    if (this.#rest !== undefined || this.socket.destroyed) return;
    for (let answered = 0; answered < limits.questionsOfTurn; answered += 1) {
      if (this.socket.writableLength > limits.unreadBytes) {
        this.socket.pause();
        return;
      }
      const message = this.#nextMessage();
      if (message === undefined) {
        if (this.socket.readableEnded) this.socket.end();
        else this.socket.resume();
        return;
      }
      this.#answer(message);
    }
    this.socket.pause();
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      this.#takeTurn();
    }, limits.turnMs);
  }

  /** Undefined: not whole yet, or so long that it is not waited for. */
  #nextMessage(): Buffer | undefined {
    if (this.#held.length < prefixBytes) return undefined;
    const length = this.#held.readUInt16BE(0);
    if (length > this.#options.limits.requestBytes) this.socket.destroy();
    const end = prefixBytes + length;
    if (this.#held.length < end || this.socket.destroyed) return undefined;
    const message = this.#held.subarray(prefixBytes, end);
    this.#held = this.#held.subarray(end);
    return message;
  }

  #answer(message: Buffer): void {
    const reply = this.#options.answer(message);
    // Over UDP silence costs its sender nothing; here it would wait.
    if (reply === undefined) {
      this.socket.destroy();
      return;
    }
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt16BE(reply.length);
    this.socket.write(Buffer.concat([prefix, reply]));
    this.#deadline.refresh();
    this.#onAnswered();
  }
}
