// Addresses to listen on arrive; messages from there are answered over UDP and TCP until the doors are closed.

import type { Buffer } from 'node:buffer';

import type { ListenAddress, PortSharing } from '../../../../shared/listen-address.ts';
import type { Way } from './answering.ts';
import type { ResponderLimits } from './limits.ts';
import { ResponseRate } from './rate-limit.ts';
import { TcpDoor } from './tcp-door.ts';
import type { BoundAddress, ListenRefusal } from './thread-words.ts';
import { UdpDoor } from './udp-door.ts';

export interface DoorsOptions {
  readonly listen: readonly ListenAddress[];
  readonly sharing: PortSharing;
  readonly limits: ResponderLimits;
  readonly answer: (message: Buffer, way: Way) => Buffer | undefined;
  readonly onLimited: () => void;
}

export class ListenRefused extends Error {
  readonly refusal: ListenRefusal;

  constructor(place: ListenAddress, error: unknown) {
    const { code, message } = error as NodeJS.ErrnoException;
    super(message, { cause: error });
    this.refusal = { place, code, message };
  }
}

/** A port that was free for TCP may be taken for UDP; where any will do, others are tried. */
const freePortTries = 20;
/** A machine without IPv6 has no `::`; 0.0.0.0 is then every address. */
const withoutIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

export class Doors {
  readonly #options: DoorsOptions;
  readonly #rate: ResponseRate;
  readonly #open: (UdpDoor | TcpDoor)[] = [];
  readonly addresses: BoundAddress[] = [];

  /** @throws ListenRefused; whatever was opened until then is closed again. */
  static async open(options: DoorsOptions): Promise<Doors> {
    const doors = new Doors(options);
    for (const place of options.listen) {
      try {
        doors.addresses.push(await doors.#openAt(place));
      } catch (error) {
        await doors.close();
        throw new ListenRefused(place, error);
      }
    }
    return doors;
  }

  private constructor(options: DoorsOptions) {
    this.#options = options;
    this.#rate = new ResponseRate(options.limits);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((door) => door.close()));
  }

  async #openAt(place: ListenAddress): Promise<BoundAddress> {
    try {
      return await this.#openPair(place);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (place.host !== undefined || !withoutIpv6.has(code)) throw error;
      return this.#openPair({ ...place, host: '0.0.0.0' });
    }
  }

  /** The same port for both: an answer that was cut short is fetched from there by TCP. */
  async #openPair(place: ListenAddress): Promise<BoundAddress> {
    for (let tries = 1; ; tries += 1) {
      const tcp = await this.#openTcp(place);
      const { port } = tcp.address;
      try {
        const udp = await this.#openUdp({ ...place, port });
        this.#open.push(tcp, udp);
        return { address: udp.address.address, port };
      } catch (error) {
        await tcp.close();
        if (place.port !== 0 || tries === freePortTries) throw error;
      }
    }
  }

  async #openTcp(place: ListenAddress): Promise<TcpDoor> {
    const { limits, sharing, answer } = this.#options;
    const options = { limits, answer: (message: Buffer) => answer(message, 'tcp') };
    // Shared from the start, a port that another program holds by mistake would be shared with it in silence.
    if (sharing === 'sharable' && place.port !== 0)
      await (await TcpDoor.open(place, { ...options, isShared: false })).close();
    return TcpDoor.open(place, { ...options, isShared: sharing !== 'alone' });
  }

  async #openUdp(place: ListenAddress): Promise<UdpDoor> {
    const { limits, sharing, answer, onLimited } = this.#options;
    const options = { limits, rate: this.#rate, answer, onLimited };
    if (sharing === 'sharable')
      await (await UdpDoor.open(place, { ...options, isShared: false })).close();
    return UdpDoor.open(place, { ...options, isShared: sharing !== 'alone' });
  }
}
