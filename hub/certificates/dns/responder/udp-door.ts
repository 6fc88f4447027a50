// An address to listen on arrives; datagrams that come there are answered, as fast as the kernel takes the answers and no faster.

import type { Buffer } from 'node:buffer';
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import type { AddressInfo } from 'node:net';

import type { ListenAddress } from '../../../../shared/listen-address.ts';
import type { ResponderLimits } from './limits.ts';
import type { ResponseRate } from './rate-limit.ts';

export interface UdpDoorOptions {
  readonly limits: ResponderLimits;
  readonly rate: ResponseRate;
  /** Another process of this hub may listen on the port too. */
  readonly isShared: boolean;
  readonly answer: (message: Buffer, way: 'udp' | 'udp-over-limit') => Buffer | undefined;
  /** Whenever a datagram came that is not answered as it would have been. */
  readonly onLimited: () => void;
}

export class UdpDoor {
  readonly #socket: Socket;
  readonly #options: UdpDoorOptions;

  /** @throws the system's error of bind */
  static async open({ host, port }: ListenAddress, options: UdpDoorOptions): Promise<UdpDoor> {
    const door = new UdpDoor(socketFor(host, options.isShared), options);
    await new Promise<void>((resolve, reject) => {
      door.#socket.once('error', (error) => {
        door.#socket.close();
        reject(error);
      });
      door.#socket.bind({ port, ...(host !== undefined && { address: host }) }, () => {
        door.#socket.removeAllListeners('error');
        // Afterwards it brings ICMP messages of askers who have gone.
        door.#socket.on('error', () => undefined);
        resolve();
      });
    });
    return door;
  }

  private constructor(socket: Socket, options: UdpDoorOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('message', (message, peer) => this.#meet(message, peer));
  }

  get address(): AddressInfo {
    return this.#socket.address();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #meet(message: Buffer, { address, port }: RemoteInfo): void {
    const { limits, rate } = this.#options;
    // Nobody listens on port 0: whoever claims to be there wants to see what sending to it does.
    if (port === 0 || this.#socket.getSendQueueCount() >= limits.udpQueue) return;
    const verdict = rate.judge(address);
    if (verdict !== 'answer') this.#options.onLimited();
    if (verdict === 'drop') return;
    const way = verdict === 'shorten' ? 'udp-over-limit' : 'udp';
    const reply = this.#options.answer(message, way);
    // What cannot be delivered is asked for again.
    if (reply !== undefined) this.#socket.send(reply, port, address, () => undefined);
  }
}

function socketFor(host: string | undefined, isShared: boolean): Socket {
  const isIpv4 = host?.includes('.') === true && !host.includes(':');
  // reusePort is of Node 23.1 and of Linux; the types of 24 do not know it yet.
  const options: SocketOptions & { reusePort?: boolean } = {
    type: isIpv4 ? 'udp4' : 'udp6',
    ...(isShared && { reusePort: true }),
  };
  return createSocket(options);
}
