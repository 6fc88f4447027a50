import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { PeerCertificate } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';

import { AcmeHub } from '../support/acme-hub.ts';
import { Curl } from '../support/curl.ts';
import { AgentProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres } from '../support/postgres.ts';

const movies = 'movies.phlix.localhost';
/** Programs, databases and two authorities, beside other suites. */
const patience = { timeout: 240_000 };
/** An order takes Pebble and us two seconds alone. */
const soon = { timeout: 45_000, interval: 250 };

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function start(options: Parameters<typeof AcmeHub.start>[0]): Promise<AcmeHub> {
  const acme = await AcmeHub.start(options);
  stops.push(async () => acme.stop());
  return acme;
}

/** With the label `movies`; trusts nobody but Pebble. */
async function enrol({ hub, rootFile }: AcmeHub, originPort: number): Promise<AgentProcess> {
  const token = await hub.createToken('--label', 'movies');
  const settings = { PHLIX_HUB_CA_FILE: rootFile };
  const agent = new AgentProcess({ hub, originPort, token, settings });
  stops.push(async () => agent.stop());
  return agent;
}

async function startOrigin(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('at home');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

function kindOf(certificate: PeerCertificate | undefined): 'ecdsa' | 'rsa' | undefined {
  if (certificate === undefined) return undefined;
  return certificate.asn1Curve === undefined ? 'rsa' : 'ecdsa';
}

const oldTelevision = {
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-RSA-AES128-GCM-SHA256',
  sigalgs: 'RSA+SHA256',
} as const;

describe.skipIf(!hasParts('pebble', 'curl', 'postgresql'))(
  'a hub that gets its certificates',
  () => {
    test(
      'waits patiently for the first one, and so does the agent; no tenant hears of the proofs',
      patience,
      async () => {
        const origin = await startOrigin();
        const acme = await start({ challenge: 'http-01', isPebbleAsleep: true });
        await acme.hub.program.waitForLine(
          /"needs":"the authority asks http:\/\/hub.localhost on port 80.*no certificate yet/,
        );
        expect(await acme.shown('hub.localhost')).toBeUndefined();
        const agent = await enrol(acme, origin.port);
        await agent.program.waitForLine(/"hub.certificate".*has no certificate for/);
        acme.wakePebble();
        expect(await agent.reachable()).toEqual([acme.hub.addressOf('movies')]);
        await expect
          .poll(async () => namesOf(await acme.shown(movies)), soon)
          .toBe(`DNS:${movies}`);
        expect(namesOf(await acme.shown('hub.localhost'))).toBe('DNS:hub.localhost');
        expect(await acme.shown('music.phlix.localhost')).toBeUndefined();
        const { status, body } = await new Curl(acme.rootFile).get(
          `${acme.hub.addressOf('movies')}/`,
        );
        expect([status, body.toString()]).toEqual([200, 'at home']);
        await provesNothingElse(acme);
        expect(origin.asked).toEqual(['/']);
      },
    );

    test('proves each name by tls-alpn-01, and gives it up with its server', patience, async () => {
      const origin = await startOrigin();
      const acme = await start({ challenge: 'tls-alpn-01', pebble: { rejectedNoncesPercent: 20 } });
      const agent = await enrol(acme, origin.port);
      await agent.reachable();
      await expect.poll(() => acme.shown(movies), soon).toBeDefined();
      const { serialNumber = '' } = (await acme.shown(movies)) ?? {};
      await provesNothingElse(acme);
      expect(origin.asked).toEqual([]);
      expect((await acme.hub.run('servers', 'revoke', 'movies')).exitCode).toBe(0);
      // It is left alone for half a minute, in case somebody still wishes for it.
      await expect
        .poll(() => acme.pebble.statusOf(serialNumber), { ...soon, timeout: 90_000 })
        .toBe('Revoked');
      await expect.poll(() => acme.shown(movies), soon).toBeUndefined();
    });

    test(
      'holds one wildcard of either kind of key, and a name of the second authority for who wants it',
      patience,
      async () => {
        const acme = await start({ challenge: 'dns-01', hasSecond: true });
        const agent = await enrol(acme, (await startOrigin()).port);
        await agent.reachable();
        const shown = async (options = {}) => acme.shown('Anything.PHLIX.localhost', options);
        await expect.poll(async () => kindOf(await shown(oldTelevision)), soon).toBe('rsa');
        await expect.poll(async () => kindOf(await shown()), soon).toBe('ecdsa');
        const first = await shown();
        expect(namesOf(first)).toContain('DNS:*.phlix.localhost');
        const words = ['servers', 'set', 'movies', 'authority=second', '--json'];
        expect(JSON.parse((await acme.hub.run(...words)).stdout)).toMatchObject({
          switches: { authority: 'second' },
        });
        await expect
          .poll(async () => namesOf(await acme.shown(movies)), soon)
          .toBe(`DNS:${movies}`);
        expect((await acme.shown(movies))?.issuer.CN).not.toBe(first?.issuer.CN);
        expect((await shown())?.serialNumber).toBe(first?.serialNumber);
        const { status } = await new Curl(acme.rootFile).get(`${acme.hub.addressOf('movies')}/`);
        expect(status).toBe(200);
      },
    );

    test(
      'orders once for two processes, each of which shows it; and goes on in the one that takes a place',
      patience,
      async () => {
        const acme = await start({
          challenge: 'http-01',
          hub: { settings: await sharedDatabase() },
        });
        const other = await acme.another();
        stops.push(async () => other.stop());
        const agent = await enrol(acme, (await startOrigin()).port);
        await agent.reachable();
        const processes = [acme.hub, other];
        // Whichever of the two orders: the authority looks at the first, and both show what came of it.
        for (const { ports } of processes)
          await expect.poll(() => acme.shown(movies, { port: ports.https }), soon).toBeDefined();
        const [one, two] = await Promise.all(
          processes.map(({ ports }) => acme.shown(movies, { port: ports.https })),
        );
        expect(one?.serialNumber).toBe(two?.serialNumber);
        const issued = processes.map(
          ({ program }) => program.output.match(/"movies[^\n]*"certificate issued"/g)?.length ?? 0,
        );
        expect(issued).toEqual(expect.arrayContaining([0, 1]));
        await other.stop();
        const former = await acme.hub.takeOver();
        expect(await former.ended).toBe(0);
        expect((await acme.shown(movies))?.serialNumber).toBe(one?.serialNumber);
        expect((await acme.hub.run('certificates', 'renew', movies)).exitCode).toBe(0);
        await expect
          .poll(async () => (await acme.shown(movies))?.serialNumber, soon)
          .not.toBe(one?.serialNumber);
      },
    );
  },
);

/** Neither path nor protocol of a proof leads anywhere while nothing is being proved. */
async function provesNothingElse(acme: AcmeHub): Promise<void> {
  const curl = new Curl(acme.rootFile);
  const path = '/.well-known/acme-challenge/DGyRejmCefe7v4NfDGDKfA';
  const secure = await curl.get(`${acme.hub.addressOf('movies')}${path}`);
  const plain = await curl.get(`http://${movies}:${acme.hub.ports.http}${path}`);
  expect([secure.status, plain.status]).toEqual([404, 404]);
  expect(secure.body.toString()).toContain('edge.challenge');
  expect(await acme.shown(movies, { ALPNProtocols: ['acme-tls/1'] })).toBeUndefined();
}

async function sharedDatabase(): Promise<Record<string, string>> {
  const postgres = await startPostgres();
  stops.push(async () => postgres.stop());
  return {
    HUB_DATABASE_URL: await postgres.createDatabase(),
    HUB_SECRET_KEY: 'k0v5yT8mWqZr3nXs7bLd2fGh6jPc9aEu',
  };
}

function namesOf(certificate: PeerCertificate | undefined): string | undefined {
  return certificate?.subjectaltname;
}
