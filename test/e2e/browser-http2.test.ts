import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';

import { AgentProcess, type Deployment, deploy } from '../support/deployment.ts';
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

describe.skipIf(!hasParts('chromium', 'certutil'))('Chromium', () => {
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
    deployment = await deploy({ originPort: portOf(origin) });
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

  test("uses the HTTP/2 connection that a page came by for the page's WebSocket", async () => {
    expect(await visit()).toEqual({ title: '4001 superchat one two xxx', status: 200 });
    expect(handshakes.at(-1)).toMatchObject({
      origin: new URL(deployment.address).origin,
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': expect.stringContaining('permessage-deflate'),
    });
  });

  test('comes again over HTTP/1.1 for a server without HTTP/2, whose certificate it has seen', async () => {
    const { hub } = deployment;
    const token = await hub.createToken('--label', 'films');
    const agent = new AgentProcess({ hub, originPort: portOf(origin), token });
    await agent.reachable();
    const films = hub.addressOf('films');
    const context = await browser.newContext();
    const tab = await context.newPage();
    const cdp = await context.newCDPSession(tab);
    await cdp.send('Network.enable');
    const answers: string[] = [];
    cdp.on('Network.responseReceived', ({ response }) => {
      if (response.url.startsWith(films)) answers.push(`${response.status} ${response.protocol}`);
    });
    await tab.goto(deployment.address);
    const ask = () => tab.evaluate(`fetch('${films}/', { mode: 'no-cors' }).then(() => 'fetched')`);
    await ask();
    await hub.run('servers', 'set', 'films', 'http2=off');
    await expect
      .poll(async () => [await ask(), answers.at(-1)], { timeout: 15_000 })
      .toEqual(['fetched', '200 http/1.1']);
    expect(answers[0]).toBe('200 h2');
    await context.close();
    await agent.stop();
  });

  test('uses HTTP/1.1 for the WebSocket where the owner wants no HTTP/2', async () => {
    await deployment.hub.run('servers', 'set', 'movies', 'http2=off');
    await expect
      .poll(visit, { timeout: 15_000 })
      .toEqual({ title: '4001 superchat one two xxx', status: 101 });
  });
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
