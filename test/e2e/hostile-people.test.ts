import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';

let hub: HubProcess;
let admin: ApiClient;
const lines: string[] = [];

beforeAll(async () => {
  hub = await HubProcess.start({ onLine: (line) => lines.push(line) });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
}, 120_000);

afterAll(async () => hub.stop());

const cursor = Buffer.from(JSON.stringify(['\0'])).toString('base64url');

describe('a NUL, which PostgreSQL has no place for', () => {
  test.each([
    ['GET', '/api/v1/admin/audit?actor=%00', 400],
    ['GET', '/api/v1/admin/audit?target=a%00b', 400],
    ['GET', '/api/v1/admin/audit/export.csv?actor=%00', 400],
    ['GET', `/api/v1/admin/users?cursor=${cursor}`, 400],
    ['DELETE', '/api/v1/tokens/%00', 400],
    ['POST', '/api/v1/admin/sso/providers/%00/test', 400],
    ['GET', '/admin/audit?actor=%00', 200],
    ['GET', '/auth/oidc/%00/start', 303],
  ])('in %s %s is no failure of the hub', async (method, path, status) => {
    expect((await admin.ask(method, path)).status).toBe(status);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  test('in the name of somebody who waits is refused', async () => {
    const body = { kind: 'address', what: '\0' };
    expect((await admin.askProven('POST', '/api/v1/admin/login-blocks/open', body)).status).toBe(
      400,
    );
  });
});
