import { chromium, type Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { DashboardGuest, looks, type Look } from '../support/dashboard-guest.ts';
import {
  answers,
  findings,
  live,
  samples,
  server,
  serverIdOf,
  somebody,
} from '../support/dashboard-scenes.ts';
import { hasParts, partPath } from '../support/parts.ts';
import {
  stageDashboard,
  type CannedAnswers,
  type StagedDashboard,
} from '../support/staged-dashboard.ts';

const patience = { timeout: 15_000 };

const pages = [
  ['servers', '/servers'],
  ['new-server', '/servers/new'],
  ['server', `/servers/${serverIdOf(1)}`],
  ['admin-users', '/admin/users'],
  ['admin-user', `/admin/users/${serverIdOf(3)}`],
  ['admin-servers', '/admin/servers'],
  ['admin-bans', '/admin/bans'],
  ['admin-providers', '/admin/providers'],
  ['admin-audit', '/admin/audit?event=login.&result=failed'],
  ['admin-notices', '/admin/notices'],
  ['own-notices', '/notices'],
  ['admin-settings', '/admin/settings'],
  ['admin-health', '/admin/health'],
] as const;

describe.skipIf(!hasParts('chromium'))('the pages about servers and for admins', () => {
  const closers: (() => Promise<void>)[] = [];
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: partPath('chromium'),
      args: ['--no-sandbox', '--disable-gpu'],
    });
  }, 60_000);
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  async function visit(
    scene: CannedAnswers = answers,
    look?: Look,
  ): Promise<{ guest: DashboardGuest; stage: StagedDashboard }> {
    const stage = await stageDashboard(somebody(), scene);
    closers.push(() => stage.close());
    const path = `GET /api/v1/servers/${serverIdOf(1)}`;
    stage.api.set(`${path}/live`, live);
    stage.api.set(`${path}/link`, samples);
    stage.api.set('GET /api/v1/servers', scene['servers.list']);
    const guest = await DashboardGuest.arrive(browser, stage, look);
    closers.push(() => guest.leave());
    return { guest, stage };
  }

  test.each(looks)(
    'fit $width pixels in $colorScheme, keep the policy, and shut nobody out',
    async (look) => {
      const { guest } = await visit(answers, look);
      const found: Record<string, string[]> = {};
      for (const [name, path] of pages) {
        await guest.open(path);
        await guest.page.locator('h1').waitFor(patience);
        if (name === 'server') await guest.page.locator('[data-chart] canvas').first().waitFor();
        await guest.photograph(`${name}-${look.width}-${look.colorScheme}`);
        const faults = [
          ...(await guest.barriers()),
          ...(await guest.misfits()),
          ...guest.mishaps(),
        ];
        if (faults.length > 0) found[name] = faults;
      }
      expect(found).toEqual({});
    },
    120_000,
  );

  test('a list with no server says what belongs there and how to begin', async () => {
    const { guest } = await visit({ ...answers, 'servers.list': { items: [], next_cursor: null } });
    await guest.open('/servers');
    await guest.page.getByRole('link', { name: 'Add a server' }).click();
    await guest.page.waitForURL('**/servers/new', patience);
    expect(guest.mishaps()).toEqual([]);
  });

  test('a server that goes offline is seen to be, without a reload', async () => {
    const { guest, stage } = await visit();
    await guest.open('/servers');
    const card = guest.page.locator(`[data-server="${serverIdOf(1)}"]`);
    await card.getByText('Online', { exact: true }).waitFor(patience);
    const { items } = answers['servers.list'] as { items: { id: string }[] };
    const gone = server(1, { is_connected: false, connected_since: null });
    stage.api.set('GET /api/v1/servers', { items: [gone, ...items.slice(1)], next_cursor: null });
    stage.tell('servers', { id: serverIdOf(1) });
    await card.getByText('Offline', { exact: true }).waitFor(patience);
    await guest.page.getByText('1 of 4 online').waitFor(patience);
    expect(guest.mishaps()).toEqual([]);
  });

  test('another server’s token is shown once, ready to paste, and the page turns green by itself', async () => {
    const { guest, stage } = await visit();
    const { page } = guest;
    const token = 'phe_abcdefgh-a-token-that-is-shown-once';
    stage.api.set('POST /api/v1/enrolment-tokens', {
      token,
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      setup: {
        env: `PHLIX_HUB_URL=https://hub.example.org\nPHLIX_HUB_ENROLLMENT_TOKEN=${token}\n`,
        docker: 'docker run phlix-agent',
        compose: 'docker compose up',
        systemd: 'sudo sh infra/install.sh agent',
        qr: 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/%3E',
      },
    });
    await guest.open('/servers/new');
    await page.getByRole('button', { name: 'Make the token' }).click();
    await page.getByText(token).waitFor(patience);
    expect(await page.getByRole('tabpanel').textContent()).toContain('docker run phlix-agent');
    await page.getByRole('tab', { name: 'systemd' }).click();
    expect(await page.getByRole('tabpanel').textContent()).toContain('sh infra/install.sh');
    await page.keyboard.press('ArrowLeft');
    expect(await page.getByRole('tabpanel').textContent()).toContain('docker compose up');
    await guest.photograph('new-server-paste');
    expect([...(await guest.barriers()), ...(await guest.misfits())]).toEqual([]);
    const { items } = answers['servers.list'] as { items: object[] };
    const added = server(6, { name: 'Cellar', addresses: ['https://cellar.phlix.example'] });
    stage.api.set('GET /api/v1/servers', { items: [...items, added], next_cursor: null });
    stage.tell('servers', { id: added.id });
    await page.getByRole('heading', { name: 'Cellar is online' }).waitFor(patience);
    await guest.photograph('new-server-done');
    expect(await page.getByRole('link', { name: 'Look at it' }).getAttribute('href')).toBe(
      `/servers/${added.id}`,
    );
    expect([...(await guest.barriers()), ...guest.mishaps()]).toEqual([]);
  }, 60_000);

  test('a token that nobody has used is withdrawn where servers are added', async () => {
    const { guest } = await visit(
      answers,
      looks.find(({ width }) => width === 390),
    );
    const { page } = guest;
    await page.route('**/api/v1/enrolment-tokens/abcdefgh', (route) =>
      route.fulfill({ status: 204 }),
    );
    await guest.open('/servers/new');
    const asked = page.waitForRequest('**/api/v1/enrolment-tokens/abcdefgh', patience);
    await page.getByRole('button', { name: 'Withdraw the token attic' }).click();
    expect((await asked).method()).toBe('DELETE');
    await page.getByText('The token is withdrawn').waitFor(patience);
    expect([...(await guest.barriers()), ...(await guest.misfits())]).toEqual([]);
  }, 60_000);

  test('a place for notices at home is added with the network that it may be in', async () => {
    const { guest } = await visit();
    const { page } = guest;
    await guest.open('/admin/notices');
    await page.getByRole('button', { name: 'Add a place' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a place' });
    await dialog.getByLabel('Address').fill('http://192.168.1.7/films');
    await dialog.getByLabel('Private networks that it may be in').fill('192.168.1.7/32\n');
    expect([...(await guest.barriers()), ...(await guest.misfits())]).toEqual([]);
    await guest.photograph('admin-notices-add');
    const asked = page.waitForRequest('**/api/v1/admin/notice-targets', patience);
    await dialog.getByRole('button', { name: 'Add it' }).click();
    expect((await asked).postDataJSON()).toEqual({
      kind: 'ntfy',
      address: 'http://192.168.1.7/films',
      allow: ['192.168.1.7/32'],
    });
  }, 60_000);

  test('the settings of a hub are three screens of a phone, and their sections unfold', async () => {
    const { guest } = await visit();
    const { page } = guest;
    await guest.open('/admin/settings');
    await page.getByRole('cell', { name: 'https://hub.example.org' }).waitFor(patience);
    const height = async (): Promise<number> =>
      page.evaluate('document.documentElement.scrollHeight');
    expect(await height()).toBeLessThan(3 * 844);
    const folded = page.getByText('HUB_DNS_PROVIDER', { exact: true });
    expect(await folded.isVisible()).toBe(false);
    await page.locator('summary', { hasText: 'DNS and domains' }).click();
    await folded.waitFor(patience);
    await guest.photograph('admin-settings-unfolded');
    expect([...(await guest.barriers()), ...(await guest.misfits()), ...guest.mishaps()]).toEqual(
      [],
    );
  }, 60_000);

  test('a server’s page shows who plays, and what limits them, as it happens', async () => {
    const { guest, stage } = await visit();
    const { page } = guest;
    await guest.open(`/servers/${serverIdOf(1)}`);
    await page.getByRole('row', { name: /Infuse.*Home line/ }).waitFor(patience);
    expect(await page.locator('[data-chart="delay"]').getAttribute('aria-label')).toMatch(
      /^Round trip: 1\d ms on average/,
    );
    stage.tell('streams', { ...live, streams: live.streams.slice(0, 1) });
    await expect.poll(() => page.locator('#streams tbody tr').count(), patience).toBe(1);
    stage.tell('streams', { ...live, link: null, is_connected: false, streams: [] });
    await page.getByText('Nobody is watching').waitFor(patience);
    await page.getByText('Offline', { exact: true }).waitFor(patience);
    expect(guest.mishaps()).toEqual([]);
  }, 60_000);

  test('a server’s page leads to the doctor where an agent never told, has it look, and shows what it found', async () => {
    const untold = { state: null, looked_at: null, line_measured_at: null, items: [] };
    const scene: Record<string, unknown> = { ...answers, 'findings.show': untold };
    const { guest, stage } = await visit(scene);
    const { page } = guest;
    const path = `/api/v1/servers/${serverIdOf(1)}/findings`;
    stage.api.set(`POST ${path}`, { is_asked: false });
    await guest.open(`/servers/${serverIdOf(1)}`);
    await page.getByText('told nothing yet: run phlix-agent doctor').waitFor(patience);
    const press = page.getByRole('button', { name: 'Check now' });
    await press.click();
    await page.getByText('Its agent is not connected').waitFor(patience);
    stage.api.set(`POST ${path}`, { is_asked: true });
    await press.click();
    await page.getByRole('button', { name: 'Checking…' }).waitFor(patience);
    scene['findings.show'] = findings;
    stage.api.set(`GET ${path}`, findings);
    stage.tell('servers', { id: serverIdOf(1) });
    await page.getByText('Its agent has looked again.').waitFor(patience);
    await page.getByText('It ignores the forwarded address').waitFor(patience);
    await press.waitFor(patience);
    expect(await page.getByText('line.bitrate').isVisible()).toBe(false);
    await page.getByText('5 things are well').click();
    await page.getByText('line.bitrate').waitFor(patience);
    await guest.photograph('server-health');
    expect([...(await guest.barriers()), ...(await guest.misfits()), ...guest.mishaps()]).toEqual(
      [],
    );
  }, 60_000);

  test.each(looks)(
    'a filter of the audit log that cannot be read is named, at $width pixels in $colorScheme',
    async (look) => {
      const { guest } = await visit(answers, look);
      const { page } = guest;
      await guest.open('/admin/audit?from=yesterday&until=2026-11-22T10:00:00Z');
      await page.getByText('“Since” is no date and time: write it like').waitFor(patience);
      expect(await page.getByLabel('Since (UTC)').inputValue()).toBe('');
      expect(await page.getByLabel('Until (UTC)').inputValue()).toBe('2026-11-22T10:00');
      const csv = page.getByRole('link', { name: 'Download as CSV' });
      expect(await csv.getAttribute('href')).toMatch(/\?until=2026-11-22T10%3A00%3A00.000Z$/);
      await guest.photograph(`admin-audit-mistyped-${look.width}-${look.colorScheme}`);
      expect([...(await guest.barriers()), ...(await guest.misfits()), ...guest.mishaps()]).toEqual(
        [],
      );
    },
    60_000,
  );

  test('a provider is changed with its groups, and removed only by its name', async () => {
    const { guest } = await visit();
    const { page } = guest;
    const asked: { method: string; body: unknown }[] = [];
    await page.route('**/api/v1/admin/sso/providers/home', (route) => {
      const request = route.request();
      asked.push({ method: request.method(), body: request.postDataJSON() });
      return route.fulfill({ json: {} });
    });
    await guest.open('/admin/providers');
    await page.getByText('https://hub.example.org/auth/oidc/home/callback').waitFor(patience);
    await page.getByRole('button', { name: 'Change Authentik' }).click();
    const dialog = page.getByRole('dialog', { name: 'Change Authentik' });
    await dialog.getByText('Groups there, and roles here').click();
    await dialog.getByLabel('Groups of owners').fill('family\nfriends');
    await guest.photograph('admin-provider-change');
    expect([...(await guest.barriers()), ...(await guest.misfits())]).toEqual([]);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor(patience);
    expect(asked).toEqual([
      {
        method: 'PATCH',
        body: {
          name: 'Authentik',
          client_id: 'phlix',
          creates_accounts: true,
          links_by_email: false,
          allow_private: false,
          role_map: { admin: ['admins'], owner: ['family', 'friends'], member: [] },
        },
      },
    ]);
    await page.getByRole('button', { name: 'Remove Authentik' }).click();
    await page.getByLabel('Type home to confirm').fill('house');
    await page.getByRole('button', { name: 'Remove the provider' }).click();
    await page.getByText('Type home exactly').waitFor(patience);
    expect(asked).toHaveLength(1);
  }, 60_000);

  test('revoking names what is lost, and wants the name typed', async () => {
    const { guest, stage } = await visit();
    const { page } = guest;
    let isRevoked = false;
    await page.route('**/api/v1/servers/*', (route) => {
      isRevoked ||= route.request().method() === 'DELETE';
      return route.fulfill({ status: 204 });
    });
    await guest.open(`/servers/${serverIdOf(1)}`);
    await page.getByRole('button', { name: 'Revoke this server' }).click();
    const dialog = page.getByRole('dialog', { name: 'Revoke Movies?' });
    await dialog.getByText('movies.phlix.example stop').waitFor(patience);
    await guest.photograph('server-revoke');
    expect(await guest.barriers()).toEqual([]);
    await dialog.getByLabel('Type movies to confirm').fill('series');
    await dialog.getByRole('button', { name: 'Revoke it for good' }).click();
    await dialog.getByText('Type movies exactly').waitFor(patience);
    expect(isRevoked).toBe(false);
    await dialog.getByLabel('Type movies to confirm').fill('movies');
    await dialog.getByRole('button', { name: 'Revoke it for good' }).click();
    await page.waitForURL(`${stage.url}/servers`, patience);
    expect(isRevoked).toBe(true);
  }, 60_000);
});
