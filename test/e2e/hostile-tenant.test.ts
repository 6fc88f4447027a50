import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { freePort } from '../../infra/quickstart/ports.ts';
import { hasParts } from '../support/parts.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

/**
 * The worst there is: the hub's own name lies under the servers' domain, so that a tenant is same-site with it (security.md,
 * section 0). The victim is signed in at the hub and opens the tenant's page.
 */
const hubHost = 'hub.phlix.localhost';
const password = 'seventeen quiet herons over water';

describe.skipIf(!hasParts('chromium', 'certutil'))(
  'a hostile tenant, same-site with the hub',
  () => {
    let hub: HubProcess;
    let hubUrl: string;
    let tenant: string;
    let agent: AgentProcess;
    let origin: Server;
    let browser: Browser;
    let victim: BrowserContext;
    /** What the tenant answers with, by path. */
    const answers = new Map<
      string,
      { headers?: Record<string, string | string[]>; html: string }
    >();

    beforeAll(async () => {
      const port = await freePort();
      hubUrl = `https://${hubHost}:${port}`;
      hub = await HubProcess.start({
        settings: { HUB_PUBLIC_URL: hubUrl, HUB_HTTPS_LISTEN: `127.0.0.1:${port}` },
      });
      origin = createServer((request, response) => {
        const answer = answers.get(request.url ?? '') ?? { html: '<title>evil</title>' };
        for (const [name, value] of Object.entries(answer.headers ?? {}))
          response.setHeader(name, value);
        response.setHeader('content-type', 'text/html').end(answer.html);
      }).listen(0, '127.0.0.1');
      await once(origin, 'listening');
      const token = await hub.createToken('--label', 'evil');
      const { port: originPort } = origin.address() as AddressInfo;
      agent = new AgentProcess({ hub: { url: hubUrl }, originPort, token });
      [tenant = ''] = await agent.reachable();
      browser = await openTrustingBrowser(hub.caFile);
      await becomeAdmin();
    }, 120_000);

    afterEach(async () => {
      answers.clear();
      await victim?.close();
    });

    afterAll(async () => {
      await browser?.close();
      await agent?.stop();
      origin?.close();
      await hub?.stop();
    });

    async function becomeAdmin(): Promise<void> {
      const token = readFileSync(join(hub.folder, 'setup-token'), 'utf8').trim();
      const page = await (await newVictim()).newPage();
      await page.goto(hubUrl);
      expect(await call(page, 'POST', '/api/v1/setup', { token, username: 'ada', password })).toBe(
        200,
      );
    }

    async function newVictim(): Promise<BrowserContext> {
      victim = await browser.newContext();
      return victim;
    }

    /** A tab at the hub, signed in, and what the victim opens next. */
    async function signIn(): Promise<Page> {
      const page = await (await newVictim()).newPage();
      await page.goto(`${hubUrl}/sign-in`);
      expect(await call(page, 'POST', '/api/v1/auth/login', { username: 'ada', password })).toBe(
        200,
      );
      expect(await call(page, 'GET', '/api/v1/account')).toBe(200);
      return page;
    }

    async function openTenant(path = '/'): Promise<Page> {
      const page = await victim.newPage();
      await page.goto(`${tenant}${path}`);
      return page;
    }

    test('plants cookies for the whole domain, and the hub looks at none of them', async () => {
      const own = await signIn();
      const page = await openTenant();
      await page.evaluate(`
      for (const name of ['phlix_session', '__Host-phlix_session', '__host-phlix_session', '__Secure-phlix_session'])
        for (const path of ['/', '/api', '/api/v1/account'])
          document.cookie = name + '=planted; Domain=phlix.localhost; Secure; Path=' + path;`);
      const request = own.waitForRequest(/api\/v1\/account/);
      expect(await call(own, 'GET', '/api/v1/account')).toBe(200);
      // The attack did reach the hub, or this shows nothing.
      expect((await (await request).allHeaders())['cookie']).toContain('phlix_session=planted');
    });

    test('makes the victim’s browser send what changes something, and the hub refuses it', async () => {
      await signIn();
      const page = await openTenant();
      const seen = await watchNetwork(page);
      const target = `${hubUrl}/api/v1/auth/logout`;
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', ''])
        await page.evaluate(`fetch('${target}', { method: 'POST', mode: 'no-cors', credentials: 'include',
        body: '{}', headers: ${type === '' ? '{}' : `{ 'content-type': '${type}' }`} }).catch(() => 0)`);
      await page.evaluate(`fetch('${target}', { method: 'POST', credentials: 'include', body: '{}',
      headers: { 'content-type': 'application/json' } }).catch(() => 0)`);
      await page.evaluate(`new Promise((loaded) => {
      document.body.innerHTML = '<iframe name="sink"></iframe><form method="post" enctype="text/plain" target="sink" action="${target}"><input name="{}" value=""></form>';
      document.querySelector('iframe').addEventListener('load', loaded);
      document.querySelector('form').submit();
    })`);
      const posts = () => seen().filter(({ method }) => method === 'POST');
      const refused = { status: 403, site: 'same-site', isSignedIn: true };
      // The page may go on before the protocol has told of the last answer.
      await expect
        .poll(posts, { timeout: 10_000 })
        .toMatchObject(Array.from({ length: 4 }, () => refused));
      const [own] = victim.pages();
      expect(own && (await call(own, 'GET', '/api/v1/account'))).toBe(200);
    });

    test('wants cookies cleared, and the victim stays signed in', async () => {
      const own = await signIn();
      answers.set('/clear', {
        headers: { 'clear-site-data': '"cookies", "storage"' },
        html: '<title>clear</title>',
      });
      const page = await openTenant('/clear');
      expect(await page.title()).toBe('clear');
      expect(await call(own, 'GET', '/api/v1/account')).toBe(200);
    });

    test.each([
      ['what HTTP/2 can refuse with a word', 40],
      ['what ends an HTTP/2 connection without one', 120],
    ])('sets cookies up to %s, and the hub frees the browser of them', async (_size, count) => {
      await signIn();
      const page = await openTenant();
      await page.evaluate(`
      for (let at = 0; at < ${count}; at++)
        document.cookie = 'bomb' + at + '=' + 'x'.repeat(3800) + '; Domain=phlix.localhost; Secure; Path=/';`);
      const hubPage = await victim.newPage();
      // HTTP/2 has no word for it. Chromium tries again by itself if it had a connection, else its user does: by HTTP/1.1, which has one.
      const told = await hubPage.goto(hubUrl).catch(async () => hubPage.goto(hubUrl));
      expect(told?.status()).toBe(431);
      expect((await hubPage.goto(hubUrl))?.status()).toBe(200);
    });

    test('asks for a passkey of the hub, and gets none', async () => {
      await signIn();
      const page = await openTenant();
      const cdp = await victim.newCDPSession(page);
      await cdp.send('WebAuthn.enable');
      await cdp.send('WebAuthn.addVirtualAuthenticator', {
        options: {
          protocol: 'ctap2',
          transport: 'internal',
          hasResidentKey: true,
          hasUserVerification: true,
          isUserVerified: true,
        },
      });
      const ask = (rpId: string) =>
        page.evaluate(`navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: '${rpId}', timeout: 1000 } })
        .then(() => 'given', (error) => error.name)`);
      expect(await ask(hubHost)).toBe('SecurityError');
      expect(await ask('phlix.localhost')).not.toBe('given');
    });

    test('frames the hub, and shows nothing of it', async () => {
      await signIn();
      answers.set('/frame', { html: `<title>frame</title><iframe src="${hubUrl}/"></iframe>` });
      const page = await openTenant('/frame');
      const framed = page.frames().find((frame) => frame !== page.mainFrame());
      expect(await framed?.evaluate('document.body.innerText')).toContain('refused to connect');
      expect(await framed?.evaluate('location.href')).toMatch(/^chrome-error:/);
    });

    test('opens sockets and streams of events at the hub, and hears nothing', async () => {
      await signIn();
      const page = await openTenant();
      const seen = await watchNetwork(page);
      const heard = await page.evaluate(`new Promise((settled) => {
      const source = new EventSource('${hubUrl}/api/v1/events?topics=servers', { withCredentials: true });
      source.onopen = () => settled('open');
      // A connection that breaks is made again; an answer that is no stream of events ends it.
        source.onerror = () => source.readyState === EventSource.CLOSED && settled('refused');
    })`);
      expect(heard).toBe('refused');
      // The page hears of its failure before the protocol tells of the answer.
      const atTheHub = () => seen().filter(({ site }) => site === 'same-site');
      await expect
        .poll(() => atTheHub().at(-1), { timeout: 10_000 })
        .toMatchObject({ status: 403, isSignedIn: true });
      for (const path of ['/tunnel', '/api/v1/events'])
        expect(
          await page.evaluate(`new Promise((settled) => {
          const socket = new WebSocket('${hubUrl.replace('https', 'wss')}${path}');
          socket.onopen = () => settled('open');
          socket.onerror = () => settled('refused');
        })`),
        ).toBe('refused');
    });
  },
);

/** As the hub's own pages call it; the status of the answer. */
async function call(page: Page, method: string, path: string, body?: object): Promise<number> {
  const wish = {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  };
  return page.evaluate(`fetch('${path}', ${JSON.stringify(wish)}).then(({ status }) => status)`);
}

interface Seen {
  readonly method: string | undefined;
  readonly site: string | undefined;
  /** The browser sent the victim's login along. */
  readonly isSignedIn: boolean;
  status?: number;
}

/** What the page's requests to other sites came to: it may not know that itself. */
async function watchNetwork(page: Page): Promise<() => readonly Seen[]> {
  const seen = new Map<string, Seen>();
  const methods = new Map<string, string>();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) =>
    methods.set(requestId, request.method),
  );
  cdp.on('Network.requestWillBeSentExtraInfo', ({ requestId, headers: sent }) => {
    // A browser whose jar was filled speaks HTTP/1.1 for a while, with capitals.
    const headers = new Headers(Object.entries(sent).filter(([name]) => !name.startsWith(':')));
    seen.set(requestId, {
      method: sent[':method'],
      site: headers.get('sec-fetch-site') ?? undefined,
      isSignedIn: headers.get('cookie')?.includes('__Host-phlix_session=') === true,
    });
  });
  cdp.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => {
    const request = seen.get(requestId);
    if (request !== undefined) request.status = statusCode;
  });
  return () =>
    [...seen].map(([id, request]) => ({ ...request, method: request.method ?? methods.get(id) }));
}
