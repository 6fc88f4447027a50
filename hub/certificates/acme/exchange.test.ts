import { afterEach, expect, test, vi } from 'vitest';

import { never } from '../../../test/support/acme-customer.ts';
import { startConnectProxy } from '../../../test/support/connect-proxy.ts';
import { ScriptedAuthority } from '../../../test/support/scripted-authority.ts';
import { Exchange } from './exchange.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('an authority is reached through the proxy of the environment, and still has to be trusted', async () => {
  const server = await ScriptedAuthority.start();
  const proxy = await startConnectProxy();
  vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy.port}`);
  const { directoryUrl, trust } = server;
  const ask = async (exchange: Exchange) => exchange.request(directoryUrl, 'get', undefined, never);

  expect(await ask(new Exchange({ directoryUrl, trust }))).toMatchObject({ status: 200 });
  expect(proxy.asked).toEqual([new URL(directoryUrl).host]);
  await expect(ask(new Exchange({ directoryUrl }))).rejects.toMatchObject({
    code: 'acme.untrusted',
  });
  proxy.stop();
  await server.stop();
});

test.each([
  [''],
  ['no certificate'],
  ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
])('roots such as %j are refused at once', (trust) => {
  expect(() => new Exchange({ directoryUrl: 'https://acme.example/dir', trust })).toThrow(
    /HUB_ACME_CA_FILE holds no certificate/,
  );
});
