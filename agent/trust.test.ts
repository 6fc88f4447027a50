import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';

import { afterEach, expect, test } from 'vitest';

import type { Endpoint } from './config.ts';
import type { AgentsDoor } from '../test/support/agents-door.ts';
import { door, stopEverything } from '../test/support/running-agent.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { dial } from './dialling/dial.ts';
import { findPinnedCa, pinOf, trustOf } from './trust.ts';

afterEach(stopEverything);

const { signal } = new AbortController();
const step = { deadlineMs: 5000, signal };
const unset = { hubCaFile: undefined, verifiesCertificate: true };

function endpointOf(hub: AgentsDoor): Endpoint {
  return { hostname: 'hub.localhost', port: hub.port, url: hub.hubUrl };
}

test('the pinned authority is found in what the hub shows, and verifies it from then on', async () => {
  const hub = await door();
  const found = await findPinnedCa(endpointOf(hub), hub.pin, step);
  expect(pinOf(new X509Certificate(found))).toBe(hub.pin);
  const socket = await dial(endpointOf(hub), { ...(await trustOf(unset, found)), ...step });
  expect(socket.authorized).toBe(true);
  socket.destroy();
});

test("the hub's own certificate is no authority, even if its key is the pinned one", async () => {
  const hub = await door();
  const context = createSecureContext();
  const socket = await dial(endpointOf(hub), { ...step, context, verifies: false });
  const leaf = socket.getPeerX509Certificate();
  socket.destroy();
  const pin = leaf === undefined ? '' : pinOf(leaf);
  expect(pin).toHaveLength(43);
  await expect(findPinnedCa(endpointOf(hub), pin, step)).rejects.toMatchObject({
    code: 'hub.pin-mismatch',
  });
});

test('with a pin, an authority that signs for the same name is worth nothing', async () => {
  const [hub, other] = [await door(), await door()];
  const trust = await trustOf(unset, hub.authority.certificate);
  await expect(dial(endpointOf(other), { ...trust, ...step })).rejects.toMatchObject({
    code: 'hub.certificate',
  });
});

test('a file of authorities that is missing or holds none is said with its name', async () => {
  const hubCaFile = join(temporaryFolder('ca').path, 'ca.pem');
  await expect(trustOf({ ...unset, hubCaFile }, undefined)).rejects.toMatchObject({
    code: 'credentials.inaccessible',
    message: expect.stringContaining(hubCaFile),
  });
  writeFileSync(hubCaFile, '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n');
  await expect(trustOf({ ...unset, hubCaFile }, undefined)).rejects.toMatchObject({
    code: 'credentials.malformed',
  });
  writeFileSync(hubCaFile, 'this is no certificate');
  await expect(trustOf({ ...unset, hubCaFile }, undefined)).rejects.toMatchObject({
    code: 'credentials.malformed',
  });
});
