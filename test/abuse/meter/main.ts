// Loaded into a hub by --import: how late its event loop is arrives, and leaves on a socket for whoever asks.

import { createServer, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const socketPath = process.env['ABUSE_METER'];
/** Looks this often; what is measured is the time between two looks. */
const lookMs = 5;

if (socketPath !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: lookMs });
  delay.enable();
  const beyondLook = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - lookMs);
  const answer = (socket: Socket, question: string): void => {
    // Until then, memory that nobody uses any more counts as used.
    if (question === 'collect') collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    const p99Ms = beyondLook(delay.percentile(99));
    const worstMs = beyondLook(delay.max);
    delay.reset();
    socket.end(JSON.stringify({ p99Ms, worstMs, heapUsed, external }));
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (question) => answer(socket, String(question)));
  });
  // A part of the hub that starts programs of its own must not take the place of the hub's.
  server.on('error', () => undefined);
  server.listen(socketPath);
  server.unref();
}
