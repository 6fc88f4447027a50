import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';

import { type Deployment, deploy } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const page = `<!doctype html><title>waiting</title><script>
  const socket = new WebSocket('wss://' + location.host + '/echo', ['chat', 'superchat']);
  const said = [];
  socket.onmessage = ({ data }) => {
    said.push(data);
    if (said.length === 3) socket.close(4001, 'enough');
  };
  socket.onopen = () => ['one', 'two', 'x'.repeat(100000)].forEach((text) => socket.send(text));
  socket.onclose = ({ code }) => {
    document.title = [code, socket.protocol, ...said.map((text) => text.slice(0, 3))].join(' ');
  };
</script>`;

describe.skipIf(!hasParts('chromium', 'certutil'))("a page's WebSocket in Chromium", () => {
  let origin: Server;
  let deployment: Deployment;
  let browser: Browser;
  const handshakes: IncomingHttpHeaders[] = [];

  beforeAll(async () => {
    origin = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end(page);
    });
    const echo = new WebSocketServer({ server: origin, handleProtocols: () => 'superchat' });
    echo.on('connection', (socket, { headers }) => {
      handshakes.push(headers);
      socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
    });
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    deployment = await deploy({ originPort: (origin.address() as AddressInfo).port });
    browser = await openTrustingBrowser(deployment.hub.caFile);
  });

  afterAll(async () => {
    await browser?.close();
    await deployment?.stop();
    origin?.closeAllConnections();
    origin?.close();
  });

  /** The page has said and heard everything; what Chromium told of the handshake. */
  async function visit(): Promise<{ title: string; status: number }> {
    const context = await browser.newContext();
    const tab: Page = await context.newPage();
    const cdp: CDPSession = await context.newCDPSession(tab);
    await cdp.send('Network.enable');
    let status = 0;
    cdp.on('Network.webSocketHandshakeResponseReceived', ({ response }) => {
      status = response.status;
    });
    await tab.goto(deployment.address);
    await tab.waitForFunction("document.title !== 'waiting'", undefined, { timeout: 10_000 });
    const title = await tab.title();
    await context.close();
    return { title, status };
  }

  test('uses the HTTP/2 connection that the page came by', async () => {
    expect(await visit()).toEqual({ title: '4001 superchat one two xxx', status: 200 });
    expect(handshakes.at(-1)).toMatchObject({
      origin: new URL(deployment.address).origin,
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': expect.stringContaining('permessage-deflate'),
    });
  });

  test('uses HTTP/1.1 where the owner wants no HTTP/2', async () => {
    await deployment.hub.run('servers', 'set', 'movies', 'http2=off');
    await expect
      .poll(visit, { timeout: 15_000 })
      .toEqual({ title: '4001 superchat one two xxx', status: 101 });
  });
});
