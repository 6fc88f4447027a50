import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

import { describe, expect, test } from 'vitest';

import { hasNamespaces, Namespace } from './namespace.ts';
import { startOrigin } from './origin/origin.ts';
import { hasParts } from './parts.ts';
import { Program } from './program.ts';

/** Runs inside, asks this machine's origin, and prints the status or the error. */
const asking = (url: string) => `
  fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(1000) })
    .then((reply) => console.log('status', reply.status), (error) => console.log('error', error.name));`;

/** Runs inside, and always has something on its way that is not acknowledged. */
const talking = (port: number, host: string) => `
  const line = require('node:net').connect(${port}, '${host}', () => console.log('connected'));
  setInterval(() => line.write('x'.repeat(9000)), 5);`;

describe.skipIf(!hasNamespaces() || !hasParts('iptables'))('a namespace', () => {
  test('reaches this machine until its packets are swallowed, and again after', async () => {
    const network = new Namespace();
    const origin = await startOrigin();
    try {
      origin.server.close();
      await once(origin.server, 'close');
      origin.server.listen(0, network.hostAddress);
      await once(origin.server, 'listening');
      const { port } = origin.server.address() as { port: number };
      const url = `http://${network.hostAddress}:${port}/status/204`;
      const ask = () =>
        new Program({ command: network.inside(process.execPath, '-e', asking(url)) });

      network.limit(100_000_000);
      await ask().waitForLine(/status 204/);
      network.swallow();
      await ask().waitForLine(/error TimeoutError/);
      network.restore();
      await ask().waitForLine(/status 204/);
      for (const direction of ['incoming', 'outgoing'] as const) {
        network.swallow(direction);
        await ask().waitForLine(/error TimeoutError/);
        network.restore();
      }
      const former = network.address;
      network.readdress();
      expect(network.address).not.toBe(former);
      await ask().waitForLine(/status 204/);
    } finally {
      await origin.stop();
      network.remove();
    }
    expect(spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout).not.toContain(
      network.name,
    );
  });

  test('takes its interface with it, though a connection behind a cut line has not given up', async () => {
    const network = new Namespace();
    const connections: Socket[] = [];
    const origin = createServer((connection) => void connections.push(connection.resume()));
    origin.listen(0, network.hostAddress);
    await once(origin, 'listening');
    const { port } = origin.address() as { port: number };
    const talker = new Program({
      command: network.inside(process.execPath, '-e', talking(port, network.hostAddress)),
    });
    await talker.waitForLine(/connected/);
    network.swallow();
    talker.kill('SIGKILL');
    await talker.end();
    network.remove();
    const { stdout } = spawnSync('ip', ['link'], { encoding: 'utf8' });
    for (const connection of connections) connection.destroy();
    origin.close();
    expect(stdout).not.toContain(network.name);
  });
});
