import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Client } from 'pg';
import type { BrowserContext, Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';

import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres } from '../support/postgres.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

/** Under the servers' own domain: a wish to clear cookies would reach it there (security row D-07). */
const hubHost = 'hub.phlix.localhost';

/** Answers every navigation out of its own store, for as long as it lives. */
const worker = `
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (event.request.mode !== 'navigate') return;
  const html = '<!doctype html><title>the former owner, out of his worker</title>';
  event.respondWith(new Response(html, { headers: { 'content-type': 'text/html' } }));
});`;

const formerPage = `<!doctype html><title>the former owner</title><script>
  localStorage.setItem('token', 'of the former owner');
  navigator.serviceWorker.register('/worker.js');
</script>`;

const newPage = `<!doctype html><title>the new owner</title><script>
  navigator.serviceWorker.getRegistrations().then((workers) => {
    document.title = 'the new owner: ' + workers.length + ' workers, ' + localStorage.length + ' tokens';
    localStorage.setItem('token', 'of the new owner');
  });
</script>`;

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

describe.skipIf(!hasParts('postgresql', 'chromium', 'certutil'))(
  'a name that has a new owner',
  () => {
    test(
      'shows nothing of the former one, and the hub’s own cookie stays',
      { timeout: 180_000 },
      async () => {
        const postgres = await startPostgres();
        stops.push(async () => postgres.stop());
        const database = await postgres.createDatabase();
        const hub = await HubProcess.start({
          settings: { HUB_DATABASE_URL: database, HUB_PUBLIC_URL: `https://${hubHost}` },
        });
        stops.push(async () => hub.stop());
        const browser = await openTrustingBrowser(hub.caFile);
        stops.push(async () => browser.close());
        const visitor = await browser.newContext();
        const hubUrl = `https://${hubHost}:${hub.ports.https}`;
        const cookie = { name: '__Host-phlix_session', value: 'of the hub', secure: true };
        await visitor.addCookies([{ ...cookie, url: hubUrl, sameSite: 'Lax' }]);

        const former = await serve(hub, (request, response) => {
          const isWorker = request.url === '/worker.js';
          response.setHeader('content-type', isWorker ? 'text/javascript' : 'text/html');
          if (!isWorker) response.setHeader('etag', '"same"');
          response.end(isWorker ? worker : formerPage);
        });
        const page = await visitor.newPage();
        const address = hub.addressOf('movies');
        await page.goto(address);
        await page.evaluate('navigator.serviceWorker.ready');
        await page.goto(address);
        expect(await page.title()).toBe('the former owner, out of his worker');

        await former.stop();
        expect((await hub.run('servers', 'revoke', 'movies')).exitCode).toBe(0);
        await giveAway(database);
        const seen: (string | undefined)[] = [];
        await serve(hub, (request, response) => {
          if (request.url === '/') seen.push(request.headers['if-none-match']);
          if (request.headers['if-none-match'] === '"same"') return response.writeHead(304).end();
          response.setHeader('etag', '"same"').setHeader('content-type', 'text/html');
          return response.writeHead(request.url === '/' ? 200 : 404).end(newPage);
        });
        // Chromium looks for a newer worker a second after a visit, and each visit puts that off: a person takes longer too.
        await expect
          .poll(() => titleAfterVisit(page, address), { timeout: 60_000, interval: 4000 })
          .toMatch(/^the new owner: 0 workers, \d tokens$/);
        expect(await cookiesOf(visitor, hubUrl)).toContain('__Host-phlix_session=of the hub');
        // What the new owner keeps there is his, from the second visit on.
        expect(await titleAfterVisit(page, address)).toBe('the new owner: 0 workers, 1 tokens');
        expect(seen[0]).toBeUndefined();
      },
    );
  },
);

async function titleAfterVisit(page: Page, address: string): Promise<string> {
  await page.goto(address);
  await page.waitForFunction('document.title !== "the new owner"');
  return page.title();
}

async function cookiesOf(visitor: BrowserContext, url: string): Promise<string[]> {
  return (await visitor.cookies(url)).map(({ name, value }) => `${name}=${value}`);
}

/** A server of its own with the label `movies`. */
async function serve(hub: HubProcess, listener: RequestListener): Promise<AgentProcess> {
  const origin: Server = createServer(listener).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  stops.push(async () => {
    origin.closeAllConnections();
    await once(origin.close(), 'close');
  });
  const token = await hub.createToken('--label', 'movies');
  const agent = new AgentProcess({
    hub: { url: `https://${hubHost}:${hub.ports.https}` },
    originPort: (origin.address() as AddressInfo).port,
    token,
  });
  stops.push(async () => agent.stop());
  await agent.reachable();
  return agent;
}

/** As if it had been somebody else's, who gave it up more than ninety days ago: there is one owner before accounts exist. */
async function giveAway(database: string): Promise<void> {
  const client = new Client(database);
  await client.connect();
  await client.query("INSERT INTO owners (id) VALUES ('somebody else')");
  await client.query(
    "UPDATE labels SET owner_id = 'somebody else', quarantined_until = now() - interval '1 day' WHERE label = 'movies'",
  );
  await client.end();
}
