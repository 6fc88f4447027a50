import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { deploy, HubProcess, type Deployment } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../support/postgres.ts';

describe.skipIf(!hasParts('postgresql'))('two processes of a hub on one database', () => {
  const origin = createServer((_, response) => response.end('a media server'));
  let postgres: ThrowawayPostgres;
  let hub: HubProcess;
  /** The other process, with the agent. */
  let deployed: Deployment;

  beforeAll(async () => {
    await once(origin.listen(0, '127.0.0.1'), 'listening');
    postgres = await startPostgres();
    const settings = {
      HUB_DATABASE_URL: await postgres.createDatabase(),
      HUB_SECRET_KEY: 'b3cf1f1e9d0a4f5c8e7d6a5b4c3d2e1f00112233445566778899aabbccddeeff',
    };
    hub = await HubProcess.start({ settings });
    deployed = await deploy({
      originPort: (origin.address() as AddressInfo).port,
      hub: { settings },
      agent: { settings: { PHLIX_REPORT_FINDINGS: '1' } },
    });
  }, 180_000);

  afterAll(async () => {
    await deployed?.stop();
    await hub?.stop();
    await postgres?.stop();
    origin.close();
  });

  test(
    'whoever presses “Check now” at the one has the agent look that is connected to the other',
    { timeout: 90_000 },
    async () => {
      const admin = new ApiClient(hub);
      await admin.becomeAdmin();
      const { json } = await admin.ask('GET', '/api/v1/servers');
      const [server] = json['items'] as { id: string }[];
      const path = `/api/v1/servers/${server?.id}/findings`;
      const asked = await admin.ask('POST', path);
      expect(asked).toMatchObject({ status: 202, json: { is_asked: true } });
      // By itself it leaves its line alone for a quarter of an hour.
      const measured = async () => (await admin.ask('GET', path)).json['line_measured_at'];
      await expect.poll(measured, { timeout: 60_000, interval: 100 }).toEqual(expect.any(String));
      await deployed.agent.stop();
      const seen = async () => (await admin.ask('GET', `/api/v1/servers/${server?.id}`)).json;
      await expect.poll(seen, { timeout: 30_000 }).toMatchObject({ is_connected: false });
      expect((await admin.ask('POST', path)).json).toEqual({ is_asked: false });
    },
  );
});
