import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { freePort } from '../../infra/quickstart/ports.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { homeWithNames } from '../support/home-with-names.ts';
import { hasNamespaces, Namespace } from '../support/namespace.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

const hubHost = 'hub.phlix.example';

describe.skipIf(!hasNamespaces())('a home whose network changes', () => {
  let home: Namespace;
  let deployment: Deployment;

  beforeAll(async () => {
    home = new Namespace();
    const [https, tunnel] = [await freePort(), await freePort()];
    const publicUrl = `https://${hubHost}:${https}`;
    deployment = await deploy({
      // Nobody watches: what is measured is the line.
      originPort: 1,
      hub: {
        settings: {
          HUB_PUBLIC_URL: publicUrl,
          HUB_HTTPS_LISTEN: `${home.hostAddress}:${https}`,
          HUB_TUNNEL_LISTEN: `${home.hostAddress}:${tunnel}`,
          HUB_HTTP_LISTEN: 'off',
        },
      },
      agent: {
        settings: { PHLIX_HUB_URL: publicUrl, PHLIX_LOG_LEVEL: 'debug' },
        wrap: homeWithNames(home, { [hubHost]: home.hostAddress }),
      },
    });
  });
  afterAll(async () => {
    await deployment.stop();
    home.remove();
  });

  function count(pattern: RegExp): number {
    return deployment.agent.program.output.match(pattern)?.length ?? 0;
  }

  async function until(pattern: RegExp, times: number, withinMs: number): Promise<void> {
    const met = (): boolean => count(pattern) >= times;
    await expect.poll(met, { interval: 20, timeout: withinMs }).toBe(true);
  }

  test('is back within seconds, while a ping would have taken up to half a minute', async () => {
    await until(/"link up"/g, 2, 20_000);
    home.readdress();
    await until(/"the network changed"/g, 1, 5000);
    // A third of the time that a ping of the usual interval and deadline may take.
    await until(/"link up"/g, 4, 8000);
    expect(count(/the address 198\.[\d.]+ is gone/g)).toBeGreaterThanOrEqual(2);
  });

  test('asks the links that may have lost their line, and keeps those that answer', async () => {
    const before = count(/"link up"/g);
    const changes = count(/"the network changed"/g);
    home.addAddress();
    await until(/"the network changed"/g, changes + 1, 5000);
    home.swallow();
    home.addAddress();
    await until(/"code":"link\.silent"/g, 2, 12_000);
    home.restore();
    await until(/"link up"/g, before + 2, 20_000);
    expect(count(/"link up"/g)).toBe(before + 2);
  });
});
