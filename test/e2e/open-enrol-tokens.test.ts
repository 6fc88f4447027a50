import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';

let hub: HubProcess;
let admin: ApiClient;
let olga: ApiClient;
let otto: ApiClient;

beforeAll(async () => {
  hub = await HubProcess.start();
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  olga = await admin.invite('olga', 'owner');
  otto = await admin.invite('otto', 'owner');
}, 120_000);

afterAll(async () => hub?.stop());

const path = '/api/v1/enrolment-tokens';

describe('enrolment tokens that nobody has used', () => {
  test('are their owner’s to see and to withdraw, an admin’s as well, and nobody else’s', async () => {
    const token = await make(olga, { label: 'films', cidr: '192.0.2.0/24' });
    const { id, secret } = partsOf(token);
    const seen = await olga.ask('GET', path);
    expect(seen.json).toMatchObject({
      items: [{ id, access: 'owner', label: 'films', cidr: '192.0.2.0/24', server_id: null }],
      next_cursor: null,
    });
    expect(seen.text).not.toContain(secret);
    expect((await otto.ask('GET', path)).json['items']).toEqual([]);
    expect((await otto.askProven('DELETE', `${path}/${id}`)).status).toBe(404);
    expect((await admin.ask('GET', path)).json['items']).toMatchObject([{ id, access: 'admin' }]);
    expect((await olga.askProven('DELETE', `${path}/${id}`)).status).toBe(204);
    expect((await olga.ask('GET', path)).json['items']).toEqual([]);
    expect((await olga.askProven('DELETE', `${path}/${id}`)).status).toBe(404);
    const query = `event=server.token-withdrawn&target=${id}`;
    await expect
      .poll(async () => (await admin.ask('GET', `/api/v1/admin/audit?${query}`)).json['items'], {
        timeout: 10_000,
      })
      .toMatchObject([{ actor: { name: 'olga' }, result: 'ok' }]);
  });

  test('come in pages, and none of it without a proof or for a member', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.unshift(partsOf(await make(otto)).id);
    const first = await otto.ask('GET', `${path}?limit=2`);
    const next = await otto.ask(
      'GET',
      `${path}?limit=2&cursor=${String(first.json['next_cursor'])}`,
    );
    expect([first, next].flatMap(idsOf)).toEqual(ids);
    expect(next.json['next_cursor']).toBeNull();
    const mona = await admin.invite('mona', 'member');
    expect((await mona.ask('GET', path)).status).toBe(403);
    const lazy = await admin.invite('lazy', 'owner');
    expect((await lazy.ask('DELETE', `${path}/${ids[0] ?? ''}`)).json['code']).toBe(
      'login.step-up',
    );
  });
});

test('the page where servers are added shows them, each with a way to withdraw it', async () => {
  const { id } = partsOf(await make(olga, { label: 'attic' }));
  const page = await olga.ask('GET', '/servers/new', { headers: { accept: 'text/html' } });
  expect(page.text).toContain(`data-call="DELETE ${path}/${id}"`);
  expect(page.text).toContain('Withdraw the token attic');
});

function idsOf({ json }: { json: { readonly [name: string]: unknown } }): string[] {
  return (json['items'] as { id: string }[]).map(({ id }) => id);
}

async function make(owner: ApiClient, wish: object = {}): Promise<string> {
  const { json } = await owner.askProven('POST', path, wish);
  return String(json['token']);
}

/** `phe_`, eight letters, and the secret behind them. */
function partsOf(token: string): { id: string; secret: string } {
  return { id: token.slice(4, 12), secret: token.slice(13, 40) };
}
