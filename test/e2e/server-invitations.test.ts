import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';

let hub: HubProcess;
let agent: AgentProcess;
let origin: Server;
let admin: ApiClient;
let olga: ApiClient;
let otto: ApiClient;
let serverId: string;
let path: string;

beforeAll(async () => {
  origin = createServer((_request, response) => void response.end('here')).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  hub = await HubProcess.start();
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  olga = await admin.invite('olga', 'owner');
  otto = await admin.invite('otto', 'owner');
  const made = await olga.askProven('POST', '/api/v1/enrolment-tokens', {});
  const { port } = origin.address() as AddressInfo;
  agent = new AgentProcess({ hub, originPort: port, token: String(made.json['token']) });
  await agent.reachable();
  const [server] = (await olga.ask('GET', '/api/v1/servers')).json['items'] as { id: string }[];
  serverId = server?.id ?? '';
  path = `/api/v1/servers/${serverId}/invitations`;
}, 180_000);

afterAll(async () => {
  await agent?.stop();
  await hub?.stop();
  origin?.close();
});

test('an owner sees the invitations to his server, and takes each back, whoever made it', async () => {
  const own = await olga.askProven('POST', path, { email: 'lee@example.org' });
  const wish = { role: 'member', server_id: serverId };
  const theirs = await admin.askProven('POST', '/api/v1/admin/invitations', wish);
  const elsewhere = await admin.askProven('POST', '/api/v1/admin/invitations', { role: 'member' });
  const seen = await olga.ask('GET', path);
  expect(seen.json).toMatchObject({
    items: [{ id: theirs.json['id'] }, { id: own.json['id'], email: 'lee@example.org' }],
    next_cursor: null,
  });
  expect(seen.text).not.toContain(tokenIn(own.json));
  const first = await olga.ask('GET', `${path}?limit=1`);
  const next = await olga.ask('GET', `${path}?limit=1&cursor=${String(first.json['next_cursor'])}`);
  expect(next.json['items']).toMatchObject([{ id: own.json['id'] }]);
  const page = await olga.ask('GET', `/servers/${serverId}`, { headers: { accept: 'text/html' } });
  expect(page.text).toContain(`data-call="DELETE ${path}/${String(own.json['id'])}"`);

  expect(await statusOf(olga, elsewhere.json['id'])).toBe(404);
  expect(await statusOf(otto, own.json['id'])).toBe(404);
  expect((await otto.ask('GET', path)).status).toBe(404);
  expect(await statusOf(olga, own.json['id'])).toBe(204);
  expect(await statusOf(olga, theirs.json['id'])).toBe(204);
  expect((await olga.ask('GET', path)).json['items']).toEqual([]);
  const body = { token: tokenIn(own.json) };
  const look = await new ApiClient(hub).ask('POST', '/api/v1/invitations/look', { body });
  expect(look.json['code']).toBe('invite.invalid');
  const query = `event=admin.invitation-withdrawn&target=${String(own.json['id'])}`;
  await expect
    .poll(async () => (await admin.ask('GET', `/api/v1/admin/audit?${query}`)).json['items'], {
      timeout: 10_000,
    })
    .toMatchObject([{ actor: { name: 'olga' }, result: 'ok' }]);
}, 60_000);

async function statusOf(client: ApiClient, id: unknown): Promise<number> {
  return (await client.askProven('DELETE', `${path}/${String(id)}`)).status;
}

/** Behind the # of the link. */
function tokenIn({ link }: { readonly link?: unknown }): string {
  return String(link).replace(/^.*#/, '');
}
