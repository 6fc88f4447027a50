import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DashboardGuest } from '../support/dashboard-guest.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const patience = { timeout: 30_000 };
const film = randomBytes(65_536);

describe.skipIf(!hasParts('chromium', 'certutil'))('from a fresh hub to a film', () => {
  let hub: HubProcess;
  let browser: Browser;
  let robin: DashboardGuest;
  let agent: AgentProcess | undefined;
  let home: Server;
  let address = '';
  /** What the hub printed, at its most talkative, and what must never be in it. */
  const logged: string[] = [];
  const secrets: string[] = [];

  beforeAll(async () => {
    home = createServer((asked, response) => {
      if (asked.url === '/slow') {
        // Plays on, piece by piece, for as long as somebody watches.
        response.writeHead(200, { 'content-type': 'video/mp4' });
        const piece = setInterval(() => response.write(film), 100);
        response.on('close', () => clearInterval(piece));
        return;
      }
      response.writeHead(200, { 'content-type': 'video/mp4' }).end(film);
    });
    await once(home.listen(0, '127.0.0.1'), 'listening');
    hub = await HubProcess.start({ onLine: (line) => void logged.push(line) });
    browser = await openTrustingBrowser(hub.caFile);
    robin = await DashboardGuest.arrive(browser, hub);
  }, 120_000);

  afterAll(async () => {
    await robin?.leave();
    await browser?.close();
    await agent?.stop();
    await hub?.stop();
    home.closeAllConnections();
    home.close();
  });

  test('a setup token and a passkey make the first admin, whose list says how to begin', async () => {
    const { page } = robin;
    const token = (await readFile(join(hub.folder, 'setup-token'), 'utf8')).trim();
    await robin.open(`/setup#${token}`);
    await page.getByLabel('User name').fill('robin');
    await robin.touch(true);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL('**/enrol', patience);
    await page.getByRole('button', { name: 'Make a passkey' }).click();
    await page.getByRole('button', { name: 'I have put them somewhere safe' }).click(patience);
    await page.waitForURL('**/servers', patience);
    await page.getByText('Bring your media server here').waitFor(patience);
    expect([...(await robin.barriers()), ...mishaps()]).toEqual([]);
  }, 90_000);

  test('the lines that are shown once start an agent, and the page turns green by itself', async () => {
    const { page } = robin;
    await page.getByRole('link', { name: 'Add a server' }).click();
    await page.getByLabel('Address (optional)').fill('evening');
    await page.getByRole('button', { name: 'Make the token' }).click();
    await page.getByRole('button', { name: 'Continue with a passkey' }).click(patience);
    const lines = page.locator('#setup-env');
    await expect.poll(() => lines.textContent(), patience).toContain('PHLIX_HUB_URL=');
    expect(await page.locator('#setup-qr').getAttribute('src')).toMatch(/^data:image\/svg\+xml/);
    const settings = environmentOf((await lines.textContent()) ?? '');
    secrets.push(settings['PHLIX_HUB_ENROLLMENT_TOKEN'] ?? '');
    const { port: originPort } = home.address() as AddressInfo;
    agent = new AgentProcess({ hub, originPort, settings });
    await page.getByRole('heading', { name: /is online$/ }).waitFor(patience);
    address = (await page.locator('[data-done-address]').getAttribute('href')) ?? '';
    expect(address).toBe(hub.addressOf('evening'));
    expect(mishaps()).toEqual([]);
  }, 90_000);

  test('the film is the one at home, and who watches is on the server’s page as it plays', async () => {
    const { page } = robin;
    expect(await read(`${address}/film.mp4`)).toEqual(film);
    await page.getByRole('link', { name: 'Look at it' }).click();
    await page.waitForURL(/\/servers\/[0-9a-f-]{36}$/, patience);
    const slow = await open(`${address}/slow`);
    slow.resume();
    await expect.poll(() => page.locator('#streams tbody tr').count(), patience).toBe(1);
    expect(await page.locator('#streams tbody tr').textContent()).toContain('127.0.0.1');
    await expect
      .poll(() => page.locator('[data-now="down"]').textContent(), patience)
      .toMatch(/[1-9]\S* [kM]bit\/s/);
    slow.destroy();
    await page.getByText('Nobody is watching').waitFor(patience);
    expect([...(await robin.barriers()), ...mishaps()]).toEqual([]);
  }, 90_000);

  test('an agent that is gone is seen to be on the list, and again when it is back', async () => {
    const { page } = robin;
    await robin.open('/servers');
    await page.getByText('1 of 1 online').waitFor(patience);
    await agent?.stop();
    await page.getByText('0 of 1 online').waitFor(patience);
    agent?.startAgain();
    await page.getByText('1 of 1 online').waitFor(patience);
    expect(mishaps()).toEqual([]);
  }, 90_000);

  const adminPages = [
    'users',
    'servers',
    'bans',
    'audit',
    'audit?event=login.&result=ok',
    'audit?address=nonsense',
    'notices',
    'settings',
    'health',
  ];

  test('every page for admins shows what this hub knows', async () => {
    for (const name of [...adminPages.map((each) => `/admin/${each}`), '/notices']) {
      await robin.open(name);
      await robin.photograph(`real${name.replaceAll(/\W+/g, '-')}`);
      const found = [...(await robin.barriers()), ...(await robin.misfits()), ...mishaps()];
      expect([name, ...found]).toEqual([name]);
    }
    await robin.open('/admin/users');
    await robin.page.getByRole('link', { name: 'robin' }).last().click();
    await robin.page.getByText('This is you').waitFor(patience);
    await robin.open('/admin/audit?event=server.enrolled');
    expect(await robin.page.locator('main').textContent()).toContain('evening');
  }, 120_000);

  test('a stream of events that a token opened ends within a second of its end', async () => {
    const { page } = robin;
    await robin.open('/tokens');
    const { id, token } = await page.evaluate(makeToken);
    secrets.push(token);
    const events = await open(`${hub.url}/api/v1/events`, token);
    expect(events.statusCode).toBe(200);
    const [ready] = (await once(events, 'data')) as [Buffer];
    expect(String(ready)).toContain('event: ready');
    const ended = once(events.resume(), 'close');
    const beganAt = performance.now();
    await page.evaluate(revokeToken, id);
    await ended;
    expect(performance.now() - beganAt).toBeLessThan(10_000);
    const after = await open(`${hub.url}/api/v1/servers`, token);
    expect(after.resume().statusCode).toBe(401);
  }, 60_000);

  test('a device is let in by its code, and sees the servers of whoever let it in', async () => {
    const { page } = robin;
    const client = { client_id: 'evening-tv' };
    const asked = await post('/oauth/device_authorization', { ...client, device_name: 'Cellar' });
    const { device_code: code = '', user_code: typed = '' } = asked;
    await robin.open(new URL(String(asked['verification_uri_complete'])).pathname);
    await page.getByLabel('Code', { exact: true }).first().fill(typed.toLowerCase());
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Let it in' }).click(patience);
    await page.getByText('The device is in.').waitFor(patience);
    const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: code };
    const { access_token: token = '' } = await post('/oauth/token', { ...client, ...grant });
    expect(token).toMatch(/^phd_/);
    const servers = await open(`${hub.url}/api/v1/servers`, token);
    expect(servers.resume().statusCode).toBe(200);
    expect(await post('/oauth/token', { ...client, ...grant })).toMatchObject({
      error: 'invalid_grant',
    });
    secrets.push(code, typed, typed.replace('-', ''), token);
  }, 60_000);

  test('a server is revoked for good only by whoever types its name', async () => {
    const { page } = robin;
    await robin.open('/servers');
    await page.locator('#servers a').click();
    await page.getByRole('button', { name: 'Revoke this server' }).click(patience);
    await page.getByLabel('Type evening to confirm').fill('evening');
    await page.getByRole('button', { name: 'Revoke it for good' }).click();
    await page.getByRole('button', { name: 'Continue with a passkey' }).click(patience);
    await page.waitForURL('**/servers', patience);
    await page.getByText('Bring your media server here').waitFor(patience);
    const gone = await open(`${address}/film.mp4`);
    expect(gone.resume().statusCode).toBe(404);
  }, 90_000);

  test('no token and no code stands in what the hub printed', async () => {
    const log = logged.join('\n');
    expect(log).toContain('hub ready');
    expect(secrets).toHaveLength(6);
    expect(secrets.filter((secret) => secret.length < 8 || log.includes(secret))).toEqual([]);
  });

  test('tokens and devices are counted where they are judged', async () => {
    const line = logged.find((each) => each.includes('metrics are served')) ?? '{}';
    const { port } = (JSON.parse(line) as { metrics: { port: number } }).metrics;
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const sample of [
      /^phlix_hub_bearers_total\{result="ok"\} [2-9]$/m,
      /^phlix_hub_bearers_total\{result="refused"\} 1$/m,
      /^phlix_hub_devices_total\{step="opened"\} 1$/m,
      /^phlix_hub_devices_total\{step="approved"\} 1$/m,
      /^phlix_hub_devices_total\{step="fetched"\} 1$/m,
    ])
      expect(metrics).toMatch(sample);
  });

  /** That the hub asks for a proof is no mishap, though the console calls it one. */
  function mishaps(): string[] {
    return robin.mishaps().filter((each) => !each.includes('status of 403'));
  }

  async function open(url: string, token?: string): Promise<IncomingMessage> {
    const ca = await readFile(hub.caFile);
    const { hostname, port, pathname } = new URL(url);
    const headers = {
      host: new URL(url).host,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const asked = request({
      host: '127.0.0.1',
      servername: hostname,
      port,
      path: pathname,
      headers,
      ca,
      agent: false,
    });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    return response;
  }

  async function post(
    path: string,
    form: Record<string, string>,
  ): Promise<Partial<Record<string, string>>> {
    const ca = await readFile(hub.caFile);
    const { hostname: servername, host, port } = new URL(hub.url);
    const headers = { host, 'content-type': 'application/x-www-form-urlencoded' };
    const to = { host: '127.0.0.1', servername, port, path, headers, ca, agent: false };
    const asked = request({ ...to, method: 'POST' });
    asked.end(new URLSearchParams(form).toString());
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return JSON.parse(await text(response)) as Partial<Record<string, string>>;
  }

  async function read(url: string): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of await open(url)) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  }
});

/** As an env file is read. */
function environmentOf(lines: string): Record<string, string> {
  const pairs = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return Object.fromEntries(pairs);
}

/** Run in the page, which is signed in and has just proved who it is. */
const makeToken = async (): Promise<{ id: string; token: string }> => {
  const body = JSON.stringify({ name: 'events', scopes: ['servers:read'] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch('/api/v1/tokens', { method: 'POST', headers, body });
  return (await response.json()) as { id: string; token: string };
};
const revokeToken = async (id: string): Promise<void> => {
  await fetch(`/api/v1/tokens/${id}`, { method: 'DELETE' });
};
