import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { choosePorts, explainPorts, keepPorts, openPlace } from './place.ts';
import { choosePort, freePort, isListening } from './ports.ts';

test.each(['127.0.0.1', '::1'])('a port taken on %s is passed over', async (host) => {
  const taken = createServer().listen(0, host);
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const free = await freePort();
  expect(await choosePort([port, free])).toBe(free);
  expect(await choosePort([port])).not.toBe(port);
  taken.close();
  await once(taken, 'close');
  expect(await isListening(port)).toBe(false);
});

test('a listener is seen', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  expect(await isListening((server.address() as AddressInfo).port)).toBe(true);
  server.close();
});

test('the ports of the first run are those of the second, so the address stays', async () => {
  const state = temporaryFolder('place');
  const place = openPlace({ XDG_STATE_HOME: state.path });
  expect(place.folder.startsWith(state.path)).toBe(true);
  const free = { https: await freePort(), http: await freePort(), tunnel: await freePort() };
  keepPorts(place, free);
  expect(await choosePorts(place)).toEqual(free);
  state.remove();
});

test.each(['null', '{"https": "443", "http": 0, "tunnel": 70000}', '{"https":'])(
  'ports that were kept as %s are chosen anew, and each is another',
  async (text) => {
    const state = temporaryFolder('place');
    const place = openPlace({ XDG_STATE_HOME: state.path });
    writeFileSync(join(place.folder, 'ports.json'), text);
    const ports = Object.values(await choosePorts(place));
    expect(new Set(ports.filter((port) => port > 0 && port < 65_536)).size).toBe(3);
    state.remove();
  },
);

test('only a port that is not the usual one is explained', () => {
  expect(explainPorts({ https: 443, http: 80, tunnel: 8802 })).toEqual([]);
  expect(explainPorts({ https: 8443, http: 80, tunnel: 8802 })).toEqual([
    '443 is not to be had: 8443 instead',
  ]);
});
