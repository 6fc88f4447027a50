import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { defaultEdgeLimits } from '../../../hub/edge/limits.ts';
import { normalizeHttp1 } from '../../../hub/edge/normalize.ts';
import { Tunnels } from '../../../hub/tunnels/registry.ts';
import { defaultSwitches } from '../../../hub/tunnels/server.ts';
import { MemoryStores } from '../../support/memory-stores.ts';
import {
  deadline,
  hubHostname,
  onlineHostname,
  readToClose,
  TestEdge,
} from '../../support/edge.ts';
import { head, refusal } from '../asking.ts';

/** The same name with letters in any case. */
function anyCase(name: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((up) =>
      name.replaceAll(/./g, (letter, at: number) => (up[at] ? letter.toUpperCase() : letter)),
    );
}

test('CVE-2026-48928 (Node): a server name in any case gets its own certificate', async () => {
  await using edge = await TestEdge.start();
  for (const servername of fc.sample(anyCase(onlineHostname), 20)) {
    const socket = await edge.connect({ servername });
    expect(socket.getPeerCertificate().subjectaltname).toContain('*.phlix.example');
    socket.destroy();
  }
});

test('CVE-2026-48934 (Node): a TLS session of one host opens no other', async () => {
  await using edge = await TestEdge.start();
  const first = await edge.connect();
  const [session] = (await once(first, 'session', deadline())) as [Buffer];
  first.destroy();
  const other = await edge.connect({ servername: hubHostname, session });
  expect(other.getPeerCertificate().subjectaltname).toContain(hubHostname);
  other.write(head('GET / HTTP/1.1'));
  expect(await readToClose(other)).toMatch(/^HTTP\/1\.1 421 /);
});

test('CVE-2026-58040 (Node): a connection serves the names of its certificate and no others', async () => {
  await using edge = await TestEdge.start();
  const asked = head('GET / HTTP/1.1').replace(`Host: ${onlineHostname}`, `Host: ${hubHostname}`);
  expect(await refusal(edge, asked)).toBe('421 edge.misdirected');
});

test('CVE-2026-21637 (Node): no server name makes the edge fall', async () => {
  await using edge = await TestEdge.start();
  const names = [
    'x'.repeat(63),
    `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.phlix.example`,
    '__proto__',
    'constructor.phlix.example',
    'xn--e1afmkfd.phlix.example',
    'a..b',
    '-',
  ];
  for (const servername of names) {
    const socket: TLSSocket = edge.connecting({ servername });
    await Promise.race([
      once(socket, 'close'),
      once(socket, 'secureConnect'),
      once(socket, 'error'),
    ]).catch(() => undefined);
    socket.destroy();
  }
  const socket = await edge.connect();
  socket.write(head('GET / HTTP/1.1'));
  expect(await readToClose(socket)).toMatch(/^HTTP\/1\.1 200 /);
});

test.each([1, 101, 10_000])(
  'CVE-2026-27588 (Caddy): among %i names each is found in any case, and none that is not there',
  async (count) => {
    const stores = new MemoryStores();
    for (let i = 0; i < count; i++) {
      stores.byId.set(`${i}`, {
        id: `${i}`,
        ownerId: 'operator',
        name: `server ${i}`,
        label: `server-${i}`,
        newOwnerSince: undefined,
        agentId: undefined,
        switches: defaultSwitches,
        createdAt: new Date(0),
        lastSeenAt: undefined,
        revokedAt: undefined,
      });
    }
    const tunnels = new Tunnels({
      store: stores.servers,
      tenantDomain: 'phlix.example',
      addressesOf: () => [],
      onFailure: (error) => {
        throw error;
      },
      onRivals: () => undefined,
      graceMs: 0,
    });
    await tunnels.start();
    const found = (host: string): string | undefined => {
      const normal = normalizeHttp1('GET', '/', '1.1', ['Host', host], defaultEdgeLimits);
      return 'refusal' in normal ? undefined : tunnels.find(normal.hostname)?.serverId;
    };
    for (const i of [0, Math.floor(count / 2), count - 1]) {
      for (const host of fc.sample(anyCase(`server-${i}.phlix.example`), 5))
        expect(found(host)).toBe(`${i}`);
    }
    expect(found(`server-${count}.phlix.example`)).toBeUndefined();
    expect(found(`xserver-0.phlix.example`)).toBeUndefined();
    await tunnels.stop();
  },
);
