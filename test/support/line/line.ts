// TCP connections to a server arrive; they leave through a line with a rate and a delay of its own, shared by all of them, both ways.

import { once } from 'node:events';
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Server,
  type Socket,
} from 'node:net';

export interface LineOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Of each direction, all connections together. Undefined: as fast as it goes. */
  readonly bytesPerSecond?: number | undefined;
  /** One way: half of the round trip. */
  readonly delayMs?: number;
  readonly port?: number;
}

/** What may wait for its turn in one direction before its senders are paused: a router's buffer of 50 ms, at least this. */
const minQueueBytes = 128 * 1024;
const queueMs = 50;
/** A line delivers packet by packet: a frame of 64 KiB must not land all at once after its last byte. */
const packetBytes = 4 * 1024;

/** A line to one server. Loss-free: what would be dropped on a real one is held back by backpressure. */
export class Line {
  readonly port: number;
  readonly #server: Server;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #sockets = new Set<Socket>();

  static async open(options: LineOptions): Promise<Line> {
    // allowHalfOpen: an end is carried over with the delay, like every byte before it.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return new Line(server, options);
  }

  private constructor(server: Server, { target, bytesPerSecond, delayMs = 0 }: LineOptions) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#up = new Direction(bytesPerSecond, delayMs);
    this.#down = new Direction(bytesPerSecond, delayMs);
    server.on('connection', (near) => {
      const far = createConnection({ ...target, allowHalfOpen: true, noDelay: true });
      this.#join(near, far);
    });
  }

  /** Bytes that have arrived at the far end, by direction. */
  get carried(): { up: number; down: number } {
    return { up: this.#up.carriedBytes, down: this.#down.carriedBytes };
  }

  /** From now on nothing arrives any more, and nobody is told: a cable pulled behind the router. */
  silence(): void {
    this.#up.isSilent = true;
    this.#down.isSilent = true;
  }

  /** What was held back, and what comes, arrives again. */
  restore(): void {
    this.#up.wake();
    this.#down.wake();
  }

  /** Every connection is reset; new ones are welcome. */
  cut(): void {
    for (const socket of this.#sockets) reset(socket);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #join(near: Socket, far: Socket): void {
    this.#up.carry(near, far);
    this.#down.carry(far, near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => reset(other));
      socket.on('close', () => this.#sockets.delete(socket));
    }
  }
}

/** A chunk on its way; without one, the end of its connection. */
interface Passenger {
  readonly chunk: Buffer | undefined;
  readonly to: Socket;
  readonly departsAt: number;
}

/** One direction: a queue that empties at the line's rate, then a flight of `delayMs`. */
class Direction {
  carriedBytes = 0;
  isSilent = false;
  readonly #bytesPerMs: number;
  readonly #queueBytes: number;
  readonly #delayMs: number;
  readonly #flight: Passenger[] = [];
  /** Senders that wait, each with the receiver it sends to. */
  readonly #paused = new Map<Socket, Socket>();
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond: number | undefined, delayMs: number) {
    this.#bytesPerMs = bytesPerSecond === undefined ? Infinity : bytesPerSecond / 1000;
    this.#queueBytes = Math.max(minQueueBytes, this.#bytesPerMs * queueMs);
    this.#delayMs = delayMs;
  }

  carry(from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => {
      const step = this.#bytesPerMs === Infinity ? chunk.length : packetBytes;
      for (let at = 0; at < chunk.length; at += step)
        this.#board(chunk.subarray(at, at + step), to);
      if (this.isSilent || this.#queuedBytes() > this.#queueBytes || to.writableNeedDrain) {
        from.pause();
        this.#paused.set(from, to);
      }
    });
    from.on('end', () => this.#board(undefined, to));
    from.on('close', () => this.#paused.delete(from));
    to.on('drain', () => this.#land());
  }

  wake(): void {
    this.isSilent = false;
    this.#land();
  }

  #board(chunk: Buffer | undefined, to: Socket): void {
    const startsAt = Math.max(performance.now(), this.#freeAt);
    this.#freeAt = startsAt + (chunk?.length ?? 0) / this.#bytesPerMs;
    this.#flight.push({ chunk, to, departsAt: this.#freeAt });
    this.#timer ??= setTimeout(() => this.#land(), this.#wait());
  }

  /** Hands over all that is due. A late timer costs no rate: departures were reckoned when they boarded. */
  #land(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.isSilent) return;
    while (this.#flight[0] !== undefined && this.#wait() === 0) {
      const { chunk, to } = this.#flight.shift() as Passenger;
      if (chunk === undefined) to.end();
      else if (to.writable) to.write(chunk);
      this.carriedBytes += chunk?.length ?? 0;
    }
    if (this.#queuedBytes() <= this.#queueBytes / 2) this.#resume();
    if (this.#flight.length > 0) this.#timer = setTimeout(() => this.#land(), this.#wait());
  }

  #resume(): void {
    for (const [from, to] of this.#paused) {
      if (to.writableNeedDrain) continue;
      this.#paused.delete(from);
      from.resume();
    }
  }

  /** Milliseconds until the first passenger lands; 0 when one is due, or none is on its way. */
  #wait(): number {
    const first = this.#flight[0];
    if (first === undefined) return 0;
    return Math.max(0, first.departsAt + this.#delayMs - performance.now());
  }

  #queuedBytes(): number {
    const waitingMs = this.#freeAt - performance.now();
    return waitingMs <= 0 ? 0 : waitingMs * this.#bytesPerMs;
  }
}

/** While a shutdown is under way libuv refuses to reset (EINVAL), and Node then never closes the socket. */
function reset(socket: Socket): void {
  const isShuttingDown = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isShuttingDown) socket.destroy();
  else socket.resetAndDestroy();
}
