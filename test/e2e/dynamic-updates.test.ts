import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { X509Certificate } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { DnsSolver } from '../../hub/certificates/challenges/dns-01.ts';
import { Authoritative, txtValues } from '../../hub/certificates/dns/authoritative.ts';
import { Propagation } from '../../hub/certificates/dns/propagation.ts';
import { ask } from '../../hub/certificates/dns/query.ts';
import { Rfc2136 } from '../../hub/certificates/dns/rfc2136.ts';
import { Secret } from '../../shared/settings/secret.ts';
import { AcmeCustomer } from '../support/acme-customer.ts';
import { bindKey, startBind, type Bind } from '../support/bind.ts';
import { HubProcess } from '../support/deployment.ts';
import { MemoryChallengeStore } from '../support/memory-certificates.ts';
import { hasParts } from '../support/parts.ts';
import { Pebble } from '../support/pebble.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 120_000 });

const key = bindKey('hub-acme');
const calm = (): AbortSignal => AbortSignal.timeout(30_000);

/** The authority asks the secondary: a record that only the primary has is none. */
describe.skipIf(!hasParts('bind', 'pebble'))('proofs by dynamic update', () => {
  let bind: Bind;
  let pebble: Pebble;
  let hub: HubProcess | undefined;

  beforeAll(async () => {
    const rights = `update-policy { grant ${key.name} zonesub TXT; };`;
    bind = await startBind({
      keys: [key],
      zones: [
        {
          name: 'films.test',
          // As a cautious operator grants it: nothing but names below one that is there for proofs.
          rights: `update-policy { grant ${key.name} subdomain proofs.films.test. TXT; };`,
          records: ['_acme-challenge CNAME hub.proofs'],
        },
        { name: 'hub.localhost', rights },
        { name: 'phlix.localhost', rights },
      ],
      host: 71,
    });
    const { host, port } = bind.secondary;
    pebble = await Pebble.start({ dnsServer: `${host}:${port}`, httpPort: 1, tlsPort: 1 });
  });
  afterEach(async () => {
    await hub?.stop();
    hub = undefined;
  });
  afterAll(async () => {
    await pebble?.stop();
    await bind?.stop();
  });

  const valuesAt = async (name: string): Promise<string[]> => {
    const question = { name, type: 'TXT', isRecursive: false } as const;
    return txtValues((await ask(bind.primary, question, calm())).answers, name);
  };

  test('certify a name and its wildcard through an alias, and leave nothing', async () => {
    const authoritative = new Authoritative({
      resolvers: [`${bind.primary.host}:${bind.port}`],
      serverPort: bind.port,
    });
    const settings = {
      name: key.name,
      secret: new Secret(key.secret),
      algorithm: 'hmac-sha256',
    } as const;
    const { primary: server } = bind;
    const solver = new DnsSolver({
      provider: new Rfc2136({ kind: 'rfc2136', server, zone: undefined, key: settings }),
      aliases: authoritative,
      visibility: new Propagation(authoritative),
      store: new MemoryChallengeStore(),
    });
    const customer = new AcmeCustomer(pebble);
    const names = ['films.test', '*.films.test'];
    const chain = await customer.obtain(customer.authority(), { names, solver });
    expect(new X509Certificate(chain).subjectAltName).toBe('DNS:films.test, DNS:*.films.test');
    expect(await valuesAt('hub.proofs.films.test')).toEqual([]);
  });

  test('give a hub its certificates by settings alone', async () => {
    hub = await HubProcess.start({ settings: hubSettings(key.secret) });
    const { https } = hub.ports;
    await expect
      .poll(async () => shownNames(https, 'movies.phlix.localhost'), {
        timeout: 60_000,
        interval: 250,
      })
      .toContain('DNS:*.phlix.localhost');
    await expect
      .poll(async () => shownNames(https, 'hub.localhost'), { timeout: 60_000, interval: 250 })
      .toContain('DNS:hub.localhost');
    // The second kind of key follows the first at once.
    await expect
      .poll(async () => valuesAt('_acme-challenge.phlix.localhost'), { timeout: 60_000 })
      .toEqual([]);
  });

  test('with a wrong key are told before any order', async () => {
    const ordersBefore = orders(pebble);
    hub = await HubProcess.start({ settings: hubSettings(bindKey('another').secret) });
    const [line] = await hub.program.waitForLine(/^.*dns\.unauthorised.*$/);
    expect(line).toContain('another secret for the key');
    expect(line).not.toContain(key.secret);
    expect(orders(pebble)).toBe(ordersBefore);
  });

  function hubSettings(secret: string): Readonly<Record<string, string>> {
    const trustFile = join(temporaryFolder('trust').path, 'trust.pem');
    writeFileSync(trustFile, pebble.trust);
    return {
      HUB_PUBLIC_URL: 'https://hub.localhost',
      HUB_TLS: 'acme',
      HUB_ACME_DIRECTORY: pebble.directoryUrl,
      HUB_ACME_CA_FILE: trustFile,
      HUB_ACME_AGREE_TERMS: '1',
      HUB_DNS_PROVIDER: 'rfc2136',
      HUB_DNS_RFC2136_SERVER: `${bind.primary.host}:${bind.port}`,
      HUB_DNS_RFC2136_KEY_NAME: key.name,
      HUB_DNS_RFC2136_KEY: secret,
      HUB_DNS_RESOLVERS: `${bind.secondary.host}:${bind.port}`,
      HUB_DNS_RESOLVERS_ONLY: '1',
    };
  }
});

function orders(pebble: Pebble): number {
  return pebble.program.output.match(/POST \/order-plz/g)?.length ?? 0;
}

async function shownNames(port: number, servername: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(5000) });
    return socket.getPeerCertificate().subjectaltname ?? '';
  } catch {
    return '';
  } finally {
    socket.destroy();
  }
}
