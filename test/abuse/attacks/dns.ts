// Attacks on the built-in responder, by name. They come from many networks, as forged ones do: a block of addresses alone is soon held to its rate.

import type { Buffer } from 'node:buffer';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

import { streamEncode } from 'dns-packet';

import { readRequest } from '../../../hub/certificates/dns/responder/request.ts';
import { seededRandom } from '../../support/random.ts';
import { hostilePacket, question } from '../dns/packets.ts';
import { EndsTally, pause, type Attack } from './attack.ts';

/** The responder answers 200 times at once to a block: so many blocks let 100,000 packets reach its reader, or fewer in a second. */
const mostNetworks = 500;
const networksOfSecond = 200;
const packetsOfNetwork = 200;
/** Fewer than a socket's buffer holds: none may be lost unread. */
const volley = 40;
/** So long an answer takes on a busy machine. */
const answerMs = 500;
const connections = 300;

export const dnsAttacks: ReadonlyMap<string, Attack> = new Map(
  Object.entries<Attack>({
    'DNS: random and mutated packets': async ({ port, seconds }) => {
      const networks = Math.min(mostNetworks, Math.ceil(seconds * networksOfSecond));
      const random = seededRandom(2026);
      let due = 0;
      let answered = 0;
      let missed = 0;
      for (let network = 0; network < networks; network += 1) {
        const socket = await socketOf(network, () => (answered += 1));
        for (let sent = 0; sent < packetsOfNetwork; sent += 1) {
          const packet = hostilePacket(random);
          if (deservesAnswer(packet)) due += 1;
          socket.send(packet, port, '127.0.0.1');
          if (sent % volley !== volley - 1) continue;
          await until(() => answered + missed >= due);
          // What was lost on the way is waited for once.
          missed = Math.max(missed, due - answered);
        }
        socket.close();
      }
      return { sent: networks * packetsOfNetwork, 'to be answered': due, answered };
    },

    'DNS: UDP flood': async ({ port, seconds }) => {
      const random = seededRandom(7);
      const packets = Array.from({ length: 1000 }, () => question(random));
      const tally = new EndsTally();
      const sockets = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          socketOf(mostNetworks + at, () => tally.add('answered')),
        ),
      );
      const deadline = performance.now() + seconds * 1000;
      for (let round = 0; performance.now() < deadline; round += 1) {
        for (const [at, socket] of sockets.entries()) {
          const packet = packets[(round * sockets.length + at) % packets.length];
          if (packet !== undefined) socket.send(packet, port, '127.0.0.1');
          tally.add('sent');
        }
        // The answers are read, too.
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const socket of sockets) socket.close();
      return tally.ends;
    },

    'DNS: TCP connections that ask and do not read, or say half a word': async (target) => {
      const tally = new EndsTally();
      const deadline = performance.now() + target.seconds * 1000;
      const attacker = async (at: number): Promise<void> => {
        while (performance.now() < deadline) tally.add(await pester(target.port, at, deadline));
      };
      await Promise.all(Array.from({ length: connections }, (_, at) => attacker(at)));
      return tally.ends;
    },
  }),
);

/** By the rules of the reader itself; that they are the right ones is for its own tests. */
function deservesAnswer(packet: Buffer): boolean {
  return readRequest(packet, 1232) !== undefined;
}

/** In a /24 of its own. */
async function socketOf(network: number, onAnswer: () => void): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', onAnswer);
  socket.on('error', () => undefined);
  socket.bind(0, `127.1${Math.floor(network / 250)}.${network % 250}.1`);
  await once(socket, 'listening');
  return socket;
}

async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + answerMs;
  while (!isDone() && performance.now() < deadline) await pause(1);
}

async function pester(port: number, at: number, deadline: number): Promise<string> {
  const localAddress = `127.20.${at % 250}.1`;
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  const over = new Promise<string>((resolve) => {
    socket.once('close', () => resolve('closed'));
    setTimeout(() => resolve('left by us'), Math.max(0, deadline - performance.now()));
  });
  const whole = streamEncode({ type: 'query', questions: [{ name: 'hub.localhost', type: 'NS' }] });
  const pour = (): void => {
    while (!socket.destroyed && socket.write(whole));
  };
  if (at % 2 === 0) {
    socket.on('drain', pour);
    pour();
  } else {
    socket.write(whole.subarray(0, 1 + (at % 20)));
  }
  const how = await over;
  socket.destroy();
  // Connecting again at once would measure connecting.
  await pause(50);
  return how;
}
