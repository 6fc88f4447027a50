import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { contentHash } from '../support/content.ts';
import { Curl } from '../support/curl.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { TestDns } from '../support/dns-server.ts';
import { startOrigin, type Origin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { Pebble } from '../support/pebble.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 180_000 });

const patience = { timeout: 60_000, interval: 200 };
const cinema = 'cinema.example.com';
const film = '/content/film/300000';
const folder = temporaryFolder('domain-certificates');

interface Domain {
  readonly state: string;
  readonly why: string;
  readonly proof_record: { readonly name: string; readonly value: string };
}

describe.skipIf(!hasParts('pebble', 'curl')).each(['http-01', 'tls-alpn-01'] as const)(
  'a domain whose certificate is proved by %s',
  (challenge) => {
    let dns: TestDns;
    let pebble: Pebble;
    let origin: Origin;
    let hub: HubProcess;
    let agent: AgentProcess;
    let curl: Curl;
    let serial = '';

    beforeAll(async () => {
      dns = await TestDns.start();
      dns.set('hub.localhost', 'A', '127.0.0.1');
      dns.set('*.phlix.localhost', 'A', '127.0.0.1');
      const [http, https] = [await freePort(), await freePort()];
      pebble = await Pebble.start({ dnsServer: dns.server, httpPort: http, tlsPort: https });
      const ownRoot = join(folder.path, `own-${challenge}.pem`);
      const root = join(folder.path, `root-${challenge}.pem`);
      writeFileSync(ownRoot, pebble.trust);
      writeFileSync(root, await pebble.root());
      origin = await startOrigin();
      hub = await HubProcess.start({
        settings: {
          HUB_PUBLIC_URL: `https://hub.localhost:${https}`,
          HUB_HTTPS_LISTEN: `127.0.0.1:${https}`,
          HUB_HTTP_LISTEN: `127.0.0.1:${http}`,
          HUB_TLS: 'acme',
          HUB_ACME_DIRECTORY: pebble.directoryUrl,
          HUB_ACME_CA_FILE: ownRoot,
          HUB_ACME_AGREE_TERMS: '1',
          HUB_ACME_CHALLENGE: challenge,
          HUB_DNS_RESOLVERS: dns.server,
          HUB_DOMAIN_CHECK_INTERVAL: '1s',
          HUB_DOMAIN_GRACE: '10s',
        },
      });
      agent = new AgentProcess({
        hub,
        originPort: origin.port,
        token: await hub.createToken('--label', 'movies'),
        settings: { PHLIX_HUB_CA_FILE: root },
      });
      await agent.reachable(120_000);
      curl = new Curl(root);
    });

    afterAll(async () => {
      await agent?.stop();
      await hub?.stop();
      await origin?.stop();
      await pebble?.stop();
      await dns?.stop();
    });

    test('is asked for at no authority before its DNS proves it, however it got here', async () => {
      await hub.run('domains', 'add', cinema, 'movies');
      dns.set(cinema, 'CNAME', 'movies.phlix.localhost');
      expect(await domain('check')).toMatchObject({ state: 'waiting' });
      // A handshake for it ends with an alert, and orders nothing.
      expect(await at('/')).toMatchObject({ exitCode: 35 });
      expect(dns.asked.filter((question) => question.endsWith(` ${cinema}`))).not.toEqual([]);
      expect(pebble.program.output).not.toContain(cinema);
    });

    test('plays its film with a certificate of its own, soon after it is proven', async () => {
      const { proof_record: proof } = await domain('list');
      dns.set(proof.name, 'TXT', proof.value);
      await expect.poll(async () => (await at('/request')).status, patience).toBe(200);
      const played = await at(film);
      expect(played.sha256).toBe(contentHash('film', 0, 300_000));
      const seen = JSON.parse((await at('/request')).body.toString()) as { fields: string[] };
      expect(seen.fields).toContain(`${cinema}:${hub.ports.https}`);
      const certificate = await certificateAt();
      expect(certificate.subjectaltname).toBe(`DNS:${cinema}`);
      serial = certificate.serialNumber;
      expect(await domain('check')).toMatchObject({
        state: 'active',
        certificate: { not_after: expect.stringMatching(/^20/), last_error: null },
      });
      const { stdout, exitCode } = await hub.run('domains', 'check', cinema);
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Its certificate is good')]);
    });

    test('keeps from its server what could prove the name for somebody else', async () => {
      const before = origin.seen.length;
      await at('/.well-known/acme-challenge/planted');
      await curl.get(
        `http://${cinema}:${hub.ports.http}/.well-known/acme-challenge/planted`,
        '--resolve',
        `${cinema}:${hub.ports.http}:127.0.0.1`,
      );
      expect(origin.seen).toHaveLength(before);
      const place = { host: '127.0.0.1', port: hub.ports.https, servername: cinema };
      const socket = connect({
        ...place,
        rejectUnauthorized: false,
        ALPNProtocols: ['acme-tls/1'],
      });
      await expect(once(socket, 'secureConnect')).rejects.toThrow(/alert|disconnected|reset/i);
    });

    // What follows is the same for both.
    test.runIf(challenge === 'http-01')(
      'that is withdrawn is said to be, is served for its grace, and is nobody’s then',
      async () => {
        const { proof_record: proof } = await domain('list');
        dns.set(proof.name, 'TXT');
        let seen: Domain | undefined;
        await expect
          .poll(async () => (seen = await domain('list')).state, patience)
          .toBe('withdrawn');
        expect((await at('/request')).status).toBe(200);
        expect(seen?.why).toMatch(/is gone: set it to .*served until/);
        await expect.poll(async () => (await domain('list')).state, patience).toBe('dropped');
        await expect.poll(async () => (await at('/request')).status, patience).not.toBe(200);
      },
    );

    // It takes half a minute, which whoever changed his mind is given.
    test.runIf(challenge === 'http-01')(
      'has its certificate revoked once it is dropped',
      async () => {
        const gone = { timeout: 110_000, interval: 500 };
        await expect.poll(async () => pebble.statusOf(serial), gone).toBe('Revoked');
        await expect.poll(async () => (await at('/request')).exitCode, patience).toBe(35);
        const { stdout } = await hub.run('servers', 'list', '--json');
        expect(stdout).toContain('"is_connected":true');
      },
    );

    async function at(path: string) {
      const { https } = hub.ports;
      return curl.get(
        `https://${cinema}:${https}${path}`,
        '--resolve',
        `${cinema}:${https}:127.0.0.1`,
      );
    }

    async function certificateAt() {
      const place = { host: '127.0.0.1', port: hub.ports.https, servername: cinema };
      const socket = connect({ ...place, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const certificate = socket.getPeerCertificate();
      socket.destroy();
      return certificate;
    }

    async function domain(how: 'check' | 'list'): Promise<Domain> {
      const words = how === 'check' ? ['check', cinema] : ['list', '--all'];
      const { stdout, stderr } = await hub.run('domains', ...words, '--json');
      const [found] = (JSON.parse(stdout || '{"domains":[]}') as { domains: Domain[] }).domains;
      if (found === undefined) throw new Error(`${cinema} is not there: ${stderr}`);
      return found;
    }
  },
);

/** The authority is told where to look before the hub listens there. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
