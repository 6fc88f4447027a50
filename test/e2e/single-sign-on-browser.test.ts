import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { generate } from 'otplib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { DashboardGuest } from '../support/dashboard-guest.ts';
import { HubProcess } from '../support/deployment.ts';
import { startIdentityProvider, type IdentityProvider } from '../support/identity-provider.ts';
import { hasParts } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const patience = { timeout: 15_000 };

async function comeByProvider(guest: DashboardGuest): Promise<void> {
  await guest.open('/sign-in');
  await guest.page.getByRole('link', { name: 'Continue with OpenID Connect' }).click(patience);
}

/** The pages' part of it: what the hub itself answers is held without a browser. */
describe.skipIf(!hasParts('chromium', 'certutil'))('single sign-on in Chromium', () => {
  let hub: HubProcess;
  let there: IdentityProvider;
  let browser: Browser;
  let robin: DashboardGuest;
  let totpSecret = '';

  beforeAll(async () => {
    hub = await HubProcess.start();
    there = await startIdentityProvider(hub.url);
    const file = join(temporaryFolder('secret').path, 'secret');
    writeFileSync(file, there.clientSecret);
    const words = ['--issuer', there.issuer, '--client-id', 'phlix', '--secret-file', file];
    await hub.run('sso', 'add', 'home', ...words, '--allow', '127.0.0.1/32', '--create-accounts');
    await new ApiClient(hub).becomeAdmin();
    browser = await openTrustingBrowser(hub.caFile);
    robin = await DashboardGuest.arrive(browser, hub);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await hub?.stop();
    await there?.stop();
  });

  async function press(name: string, guest = robin): Promise<void> {
    const { page } = guest;
    await page
      .getByRole('button', { name, exact: true })
      .filter({ visible: true })
      .first()
      .click(patience);
  }

  async function arriveAt(path: string, guest = robin): Promise<void> {
    await guest.page.waitForURL(`${hub.url}${path}`, patience);
  }

  async function proveByPassword(): Promise<void> {
    await robin.page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
    await robin.page.getByLabel('Your password').fill(password);
    await press('Continue');
  }

  async function codeAfter(seconds: number): Promise<string> {
    return generate({ secret: totpSecret, epoch: Date.now() / 1000 + seconds });
  }

  test('an account is linked under Security, after a proof', async () => {
    const { page } = robin;
    await robin.open('/sign-in?return=/security');
    await page.getByLabel('User name or e-mail').fill('robin');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await press('Sign in');
    await arriveAt('/security');
    await press('Link OpenID Connect');
    await proveByPassword();
    await page.getByRole('button', { name: 'Unlink OpenID Connect' }).waitFor(patience);
    await robin.open('/security');
    await press('Set it up');
    await proveByPassword();
    await page.locator('[data-totp-qr]').waitFor(patience);
    totpSecret = (await page.locator('#totp-secret').textContent()) ?? '';
    await page.getByLabel('Type the code that it shows').fill(await codeAfter(0));
    await press('Confirm');
    await page.getByText('The authenticator app is set up.').waitFor(patience);
    await robin.open('/security?problem=sso.conflict');
    await page.getByText('That person is linked to another account').waitFor(patience);
    expect(robin.mishaps().filter((each) => !each.includes('403'))).toEqual([]);
  }, 60_000);

  test('who has a second factor is asked for it on the way back', async () => {
    const phone = await DashboardGuest.arrive(browser, hub);
    const { page } = phone;
    await comeByProvider(phone);
    await page.waitForURL('**/sign-in?factor=*', patience);
    await page.getByRole('heading', { name: 'One more step' }).waitFor(patience);
    expect(await page.getByLabel('User name or e-mail').isVisible()).toBe(false);
    await page.getByLabel('Code from your authenticator app').fill(await codeAfter(30));
    await press('Continue', phone);
    await arriveAt('/servers', phone);
    // It began there, so it ends there, though the hub asked for more.
    await press('Sign out', phone);
    await page.waitForURL(`${there.issuer}/session/end?**`, patience);
    expect(new URL(page.url()).searchParams.get('id_token_hint')).toMatch(/^ey/);
    await phone.open('/servers');
    await arriveAt('/sign-in?return=%2Fservers', phone);
    await phone.leave();
  }, 60_000);

  test('who has nothing but the provider signs out there, and proves there that it is him', async () => {
    there.person = { sub: 'sam-there', claims: { preferred_username: 'sam' } };
    const sam = await DashboardGuest.arrive(browser, hub);
    const { page } = sam;
    await comeByProvider(sam);
    await arriveAt('/servers', sam);
    await press('Sign out', sam);
    await page.waitForURL(`${there.issuer}/**`, patience);
    await sam.open('/servers');
    await arriveAt('/sign-in?return=%2Fservers', sam);
    await comeByProvider(sam);
    await arriveAt('/servers', sam);
    await sam.open('/security');
    const leave = async (): Promise<void> => {
      await press('Delete my account', sam);
      const dialog = page.getByRole('dialog', { name: 'Delete your account?' });
      await dialog.getByLabel('Type sam to confirm').fill('sam');
      await dialog.getByRole('button', { name: 'Delete my account' }).click();
    };
    await leave();
    await press('Sign in at your provider again', sam);
    await page.getByText('Your provider knows you.').waitFor(patience);
    // The proof came behind the hash, and nothing that is kept in a history holds it.
    await arriveAt('/security', sam);
    await leave();
    await arriveAt('/', sam);
    const { stdout } = await hub.run('user', 'list', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ users: [{ username: 'robin' }] });
    await sam.leave();
  }, 60_000);

  test('a provider whose name is one long word keeps to a telephone’s screen', async () => {
    const words = ['--issuer', 'https://idp.example.org', '--client-id', 'phlix'];
    const name = 'W'.repeat(64);
    const added = await hub.run('sso', 'add', 'long', ...words, '--name', name, '--json');
    expect(added.exitCode).toBe(0);
    const phone = await DashboardGuest.arrive(browser, hub, { width: 390, colorScheme: 'light' });
    await phone.open('/sign-in');
    await phone.page.getByRole('link', { name: `Continue with ${name}` }).waitFor(patience);
    await phone.photograph('sign-in-long-provider-390');
    expect(await phone.misfits()).toEqual([]);
    await phone.page.setViewportSize({ width: 1280, height: 844 });
    await phone.photograph('sign-in-long-provider-1280');
    expect([...(await phone.misfits()), ...(await phone.barriers())]).toEqual([]);
    await phone.leave();
  }, 60_000);
});
