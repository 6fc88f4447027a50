// Connections arrive at one port; each is passed on to the next of several that answers, as a balancer before many hubs does.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

export class Balancer {
  readonly #server: Server;
  #ports: () => readonly number[] = () => [];
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  static async start(): Promise<Balancer> {
    const server = createServer({ pauseOnConnect: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Balancer(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#pass(socket, this.#nextPorts());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  serve(ports: () => readonly number[]): void {
    this.#ports = ports;
  }

  forget(): void {
    this.#ports = () => [];
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #nextPorts(): number[] {
    this.#turn += 1;
    const ports = this.#ports();
    return [...ports.slice(this.#turn % ports.length), ...ports];
  }

  /** While nobody answers, it waits: a hub may order before the test has read where it listens. */
  #pass(socket: Socket, [port, ...others]: readonly number[]): void {
    if (socket.destroyed) return;
    if (port === undefined) {
      setTimeout(() => this.#pass(socket, this.#nextPorts()), 100);
      return;
    }
    const onward = connect(port, '127.0.0.1');
    onward.once('error', () => this.#pass(socket, others));
    onward.once('connect', () => {
      onward.removeAllListeners('error');
      pipeline(socket, onward, socket, () => undefined);
    });
  }
}
