import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { Authenticator } from '../support/authenticator.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';

let hub: HubProcess;
let admin: ApiClient;

beforeAll(async () => {
  hub = await HubProcess.start();
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
}, 120_000);

afterAll(async () => hub?.stop());

const ends: Record<string, (id: string) => Promise<unknown>> = {
  'is suspended': async (id) => byAdmin('POST', `users/${id}/suspend`, {}),
  'is suspended, and resumed': async (id) => {
    await byAdmin('POST', `users/${id}/suspend`, {});
    await byAdmin('POST', `users/${id}/resume`, {});
  },
  'becomes a member': async (id) => byAdmin('PUT', `users/${id}/role`, { role: 'member' }),
  'is removed': async (id) => byAdmin('DELETE', `users/${id}`),
};

describe('an enrolment token in the hands of an owner', () => {
  test.each(Object.entries(ends))(
    'makes no server once he %s',
    async (what, end) => {
      const { client, id } = await someone(what.replaceAll(/\W+/g, '-'));
      const made = await client.askProven('POST', '/api/v1/enrolment-tokens', {});
      const token = String(made.json['token']);
      await end(id);
      const agent = new AgentProcess({ hub, originPort: 1, token });
      await agent.program.waitForLine(/does not know this token/);
      expect(await agent.program.end()).toBe(77);
      const servers = await admin.ask('GET', '/api/v1/servers');
      expect(servers.json['items']).toEqual([]);
      const query = `event=server.enrolment-denied&target=${token.slice(4, 12)}`;
      await expect
        .poll(async () => (await admin.ask('GET', `/api/v1/admin/audit?${query}`)).json['items'], {
          timeout: 10_000,
        })
        .toMatchObject([{ result: 'denied', reason: 'enrol.token-invalid' }]);
    },
    60_000,
  );
});

describe('a browser that skips the second factor', () => {
  test.each([
    ['is suspended, and resumed', ends['is suspended, and resumed']],
    ['has another role', ends['becomes a member']],
  ])(
    'is asked for it again once its account %s',
    async (what, end) => {
      const name = `trusting-${what.replaceAll(/\W+/g, '-')}`;
      const { client, id } = await someone(name);
      const key = new Authenticator();
      const here = { rpId: 'hub.localhost', origin: client.origin };
      const post = async (path: string, body: object = {}) =>
        client.ask('POST', `/api/v1${path}`, { body });
      const offered = await client.askProven('POST', '/api/v1/account/passkeys/options', {});
      const response = key.register(offered.json, here);
      expect((await post('/account/passkeys', { name: 'Key', response })).status).toBe(201);
      const kind = async () =>
        (await post('/auth/login', { username: name, password })).json['kind'];
      expect(await kind()).toBe('factor');
      const { json: asked } = await post('/auth/mfa/passkey/options');
      const answer = { response: key.answer(asked, here), trust_browser: true };
      expect((await post('/auth/mfa/passkey', answer)).json['kind']).toBe('done');
      expect(await kind()).toBe('done');
      await end?.(id);
      expect(await kind()).toBe('factor');
      expect(client.cookies.has('__Host-phlix_tb')).toBe(true);
    },
    60_000,
  );
});

async function someone(name: string): Promise<{ client: ApiClient; id: string }> {
  const client = await admin.invite(name, 'owner');
  const { json } = await client.ask('GET', '/api/v1/account');
  return { client, id: String(json['id']) };
}

async function byAdmin(method: string, path: string, body?: object): Promise<void> {
  const { status, text } = await admin.askProven(method, `/api/v1/admin/${path}`, body);
  if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${text}`);
}
