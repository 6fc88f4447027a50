// infra/kubernetes as it runs: the next hub beside the former one, an address in front of both, and then the drain of the former.

import { readFileSync, symlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { freePort } from '../../infra/quickstart/ports.ts';
import { type Certificate, makeCertificate } from '../bench/certificate.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { print } from '../support/figures.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Asker } from './visitors/asker.ts';
import { download } from './visitors/errands.ts';
import type { Door } from './visitors/visit.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 150_000 });

/** Pods have addresses of their own, and the same ports. */
const pods = ['127.0.0.2', '127.0.0.3'] as const;
/** A Service sends new connections to the pods in turn, and notices a second late that one is about to end. */
const noticedMs = 1000;

/** The Service: one address, whose pods change. */
class Service {
  targets: readonly string[] = [];
  readonly #servers: Server[] = [];
  #turn = 0;

  async listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (visitor) => {
      this.#turn += 1;
      const host = this.targets[this.#turn % this.targets.length] ?? pods[0];
      const pod = connect({ host, port, allowHalfOpen: true });
      for (const [from, to] of [
        [visitor, pod],
        [pod, visitor],
      ] as const) {
        from.pipe(to);
        from.on('error', () => to.destroy()).on('close', () => to.destroy());
      }
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}

describe.skipIf(!hasParts('postgresql'))('a pod that is replaced', () => {
  const service = new Service();
  let origin: Origin;
  let postgres: ThrowawayPostgres;
  let certificate: Certificate;
  let databaseUrl = '';
  let ports = { https: 0, tunnel: 0 };
  const hubs: HubProcess[] = [];
  let agent: AgentProcess | undefined;

  beforeAll(async () => {
    [origin, postgres] = await Promise.all([startOrigin(), startPostgres()]);
    certificate = await makeCertificate(temporaryFolder('pods').path);
    databaseUrl = await postgres.createDatabase();
    ports = { https: await freePort(), tunnel: await freePort() };
    for (const port of Object.values(ports)) await service.listen(port);
  }, 90_000);
  afterAll(async () => {
    await agent?.stop();
    await Promise.all(hubs.map((hub) => hub.stop()));
    service.close();
    await origin?.stop();
    await postgres?.stop();
  });

  async function startPod(host: string): Promise<HubProcess> {
    const [first] = hubs;
    const folder = temporaryFolder('pod').path;
    // The volume that pods share while one replaces the other.
    if (first !== undefined) symlinkSync(join(first.folder, 'audit'), join(folder, 'audit'));
    const hub = await HubProcess.start({
      folder,
      settings: {
        HUB_PUBLIC_URL: `https://hub.localhost:${ports.https}`,
        HUB_DATABASE_URL: databaseUrl,
        HUB_SECRET_KEY: 'b3cf1f1e9d0a4f5c8e7d6a5b4c3d2e1f00112233445566778899aabbccddeeff',
        HUB_TLS: 'files',
        HUB_TLS_CERT_FILE: certificate.chainFile,
        HUB_TLS_KEY_FILE: certificate.keyFile,
        HUB_HTTPS_LISTEN: `${host}:${ports.https}`,
        HUB_TUNNEL_LISTEN: `${host}:${ports.tunnel}`,
        HUB_HTTP_LISTEN: 'off',
        // As the manifests say.
        HUB_RECONNECT_GRACE: '30s',
        HUB_DRAIN_TIMEOUT: '60s',
      },
    });
    hubs.push(hub);
    return hub;
  }

  test('fails no request, cuts no film, and leaves one audit log', async () => {
    const former = await startPod(pods[0]);
    service.targets = [pods[0]];
    const token = await former.createToken('--label', 'movies');
    agent = new AgentProcess({
      hub: former,
      originPort: origin.port,
      token,
      settings: { PHLIX_HUB_CA_FILE: certificate.authorityFile },
    });
    await agent.reachable();
    const door: Door = {
      hostname: 'movies.phlix.localhost',
      host: '127.0.0.1',
      port: ports.https,
      ca: readFileSync(certificate.authorityFile, 'utf8'),
    };
    const films = [download(door, film), download(door, { ...film, version: 'HTTP/2' })];
    await Promise.all(films.map((visit) => visit.moves(500_000)));
    const askers = [new Asker(door, 'new connections'), new Asker(door, 'HTTP/2')];

    const next = await startPod(pods[1]);
    // Ready: it is one of two, and its agents are still at the other.
    service.targets = pods;
    await after(noticedMs / 2);
    service.targets = [pods[1]];
    await after(noticedMs);
    const drained = await former.run('drain', '--json');
    expect(drained).toMatchObject({ exitCode: 0 });
    const outcomes = await Promise.all(films.map(({ outcome }) => outcome));
    await after(noticedMs);
    await Promise.all(askers.map((asker) => asker.stop()));

    print('next pod', `${askers.map(({ asked }) => asked).join(', ')} requests answered`);
    expect(outcomes.filter(({ end }) => end !== 'complete')).toEqual([]);
    expect(askers.flatMap(({ failed }) => failed)).toEqual([]);
    for (const { asked } of askers) expect(asked).toBeGreaterThan(5);
    expect(await next.run('audit', 'verify')).toMatchObject({ exitCode: 0 });
  });
});

/** As a camera records: nothing of it is in a buffer yet when the pod is replaced. */
const film = { bytes: 3_000_000, bytesPerMs: 1000 };
