import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { HubProcess } from '../support/deployment.ts';
import { hasNamespaces, Namespace } from '../support/namespace.ts';

/** A visitor, and a hub that is not on his machine: loopback is never banned. */
describe.skipIf(!hasNamespaces()).each(['page', 'close'] as const)(
  'a ban, met by a %s',
  (answer) => {
    let network: Namespace;
    let hub: HubProcess;
    const page = { status: 403, body: expect.stringMatching(/"code":"edge\.banned","until":/) };
    const met = answer === 'close' ? 'nobody' : page;

    beforeAll(async () => {
      network = new Namespace();
      hub = await HubProcess.start({
        wrap: (command) => network.inside(...command),
        settings: {
          HUB_HTTPS_LISTEN: ':0',
          HUB_TUNNEL_LISTEN: ':0',
          HUB_HTTP_LISTEN: 'off',
          HUB_METRICS_LISTEN: `${network.address}:0`,
          HUB_BAN_ANSWER: answer,
        },
      });
    }, 120_000);
    afterAll(async () => {
      await hub?.stop();
      network?.remove();
      if (hub !== undefined) rmSync(hub.folder, { recursive: true, force: true });
    });

    function options(port = hub.ports.https): RequestOptions {
      return {
        host: network.address,
        port,
        servername: 'hub.localhost',
        headers: { host: `hub.localhost:${port}` },
        rejectUnauthorized: false,
        agent: false,
        signal: AbortSignal.timeout(5000),
      };
    }

    async function visit(port?: number): Promise<{ status: number; body: string } | 'nobody'> {
      try {
        const asked = request(options(port));
        asked.end();
        const [response] = (await once(asked, 'response')) as [IncomingMessage];
        let body = '';
        for await (const piece of response.setEncoding('utf8')) body += String(piece);
        return { status: response.statusCode ?? 0, body };
      } catch {
        return 'nobody';
      }
    }

    async function openConnection(): Promise<TLSSocket> {
      const socket = connect({
        ...options(),
        port: hub.ports.https,
        ALPNProtocols: ['http/1.1'],
      } as never);
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      return socket;
    }

    test('holds at every door from the moment it is said, cuts what runs, and is lifted as fast', async () => {
      expect(await visit()).toMatchObject({ status: 200 });
      const running = await openConnection();
      const cut = once(running, 'close');
      const added = await hub.run(
        'ban',
        'add',
        network.hostAddress,
        '--for',
        '1h',
        '--reason',
        'test',
      );
      expect(added.stderr).toBe('');
      await cut;
      expect(await visit()).toEqual(met);
      expect(await visit(hub.ports.tunnel)).toBe('nobody');
      const { stdout } = await hub.run('ban', 'list', '--json');
      expect(JSON.parse(stdout)).toMatchObject({
        bans: [
          { network: `${network.hostAddress}/32`, by: 'host', reason: 'test', origin: 'operator' },
        ],
      });
      expect((await hub.run('ban', 'list', '--nftables')).stdout).toMatch(
        new RegExp(`elements = \\{ ${network.hostAddress}/32 timeout \\d+s \\}`),
      );
      await hub.run('ban', 'remove', network.hostAddress);
      await expect.poll(() => visit(), { timeout: 5000 }).toMatchObject({ status: 200 });
      expect(await visit(hub.ports.tunnel)).not.toBe('nobody');
      const audit = await hub.run('audit', 'list', '--event', 'ban.', '--json');
      expect((JSON.parse(audit.stdout) as { entries: { event: string }[] }).entries).toMatchObject([
        { event: 'ban.removed', actor: { name: 'host' } },
        { event: 'ban.added', target: `${network.hostAddress}/32` },
      ]);
    }, 60_000);

    test('outlives the hub’s process', async () => {
      await hub.run('ban', 'add', `::ffff:${network.hostAddress}`);
      process.kill(hub.program.pid, 'SIGKILL');
      await hub.program.ended;
      await hub.startAgain();
      expect(await visit()).toEqual(met);
    }, 90_000);

    test.runIf(answer === 'page')(
      'is not made of garbage',
      async () => {
        for (const [words, code] of [
          [['add', '203.0.113.7/33'], 65],
          [['add', '010.0.0.1'], 65],
          [['add', '127.0.0.1'], 65],
          [['add', '0.0.0.0/0'], 64],
          [['add', '203.0.113.7', '--for', 'ever'], 64],
          [['remove', '203.0.113.99'], 65],
          [['remove', 'nonsense'], 65],
          [['lift', '203.0.113.7'], 64],
        ] as const)
          expect([words, (await hub.run('ban', ...words)).exitCode]).toEqual([words, code]);
      },
      90_000,
    );
  },
);
