import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import { metricOf } from '../support/hub-metrics.ts';
import { startMailServer, type MailServer } from '../support/mail-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let mail: MailServer;
let hub: HubProcess;
let admin: ApiClient;
const lines: string[] = [];

beforeAll(async () => {
  mail = await startMailServer({ login: { user: 'hub', password: 'canary mail password' } });
  const caFile = join(temporaryFolder('mail').path, 'ca.pem');
  writeFileSync(caFile, mail.certificate);
  const settings = {
    HUB_SMTP_HOST: 'localhost',
    HUB_SMTP_PORT: String(mail.port),
    HUB_SMTP_USER: 'hub',
    HUB_SMTP_PASSWORD: 'canary mail password',
    HUB_SMTP_FROM: 'Phlix Hub <hub@example.org>',
    NODE_EXTRA_CA_CERTS: caFile,
  };
  hub = await HubProcess.start({ settings, onLine: (line) => lines.push(line) });
  admin = new ApiClient(hub);
  await admin.becomeAdmin('ada');
});
afterAll(async () => {
  await hub?.stop();
  await mail?.stop();
});

const invite = async (wish: object) => admin.askProven('POST', '/api/v1/admin/invitations', wish);

test('whoever is invited by address gets the link there, and comes in by it', async () => {
  const said = await invite({ role: 'owner', email: 'olga@example.org' });
  expect(said).toMatchObject({ status: 201, json: { is_mailed: true } });
  const [letter] = await mail.received(1);
  expect(letter).toMatchObject({ to: ['olga@example.org'], isSecure: true });
  const link = String(said.json['link']);
  expect(letter?.mail.text).toContain(link);
  expect(letter?.mail.text).toContain('"ada" invites you to hub.localhost');
  expect(letter?.mail.html).toBe(false);
  expect(await metricOf(lines, 'phlix_hub_factor_events_total', { event: 'invitation-sent' })).toBe(
    1,
  );
  const guest = new ApiClient(hub);
  const token = link.slice(link.indexOf('#') + 1);
  const accepted = await guest.ask('POST', '/api/v1/invitations/accept', {
    body: { token, username: 'olga', password },
  });
  expect(accepted.status).toBe(200);
  expect(lines.filter((line) => line.includes(token))).toEqual([]);
});

test('without an address nothing is sent, and one that is none is refused', async () => {
  const before = mail.letters.length;
  expect((await invite({ role: 'member' })).json).toMatchObject({ is_mailed: false });
  const odd = await invite({ role: 'member', email: 'max@example.org\r\nBcc: all@example.org' });
  expect(odd).toMatchObject({ status: 400, json: { code: 'account.email' } });
  expect(mail.letters).toHaveLength(before);
});

test('after ten letters in ten minutes only the link is there', async () => {
  const mailed: unknown[] = [];
  for (let guest = 0; guest < 11; guest++) {
    const said = await invite({ role: 'member', email: `guest${guest}@example.org` });
    expect(said.status).toBe(201);
    mailed.push(said.json['is_mailed']);
  }
  // Olga's was the first of the ten.
  expect(mailed).toEqual([...Array.from({ length: 9 }, () => true), false, false]);
  expect(await metricOf(lines, 'phlix_hub_factor_events_total', { event: 'letter-refused' })).toBe(
    2,
  );
});
