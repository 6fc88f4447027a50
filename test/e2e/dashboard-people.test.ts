import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';

import { generate } from 'otplib';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { DashboardGuest, looks } from '../support/dashboard-guest.ts';
import { HubProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const password = 'quiet lamps under seven bridges';
const otherPassword = 'seven kettles above a green harbour';
/** A page that has to be found, filled and left: Chromium on a busy machine. */
const patience = { timeout: 15_000 };

describe.skipIf(!hasParts('chromium', 'certutil'))('the pages about people', () => {
  let hub: HubProcess;
  let browser: Browser;
  let robin: DashboardGuest;
  let recoveryCodes: string[] = [];

  beforeAll(async () => {
    hub = await HubProcess.start();
    browser = await openTrustingBrowser(hub.caFile);
    robin = await DashboardGuest.arrive(browser, hub);
  }, 120_000);

  afterAll(async () => {
    await robin?.leave();
    await browser?.close();
    await hub?.stop();
  });

  afterEach(async () => robin.page.unrouteAll());

  async function press(name: string | RegExp, guest = robin): Promise<void> {
    await guest.page
      .getByRole('button', { name, exact: true })
      .filter({ visible: true })
      .first()
      .click(patience);
  }

  /** Chromium's authenticator looks for a finger when it is asked, and not again: whoever put it down too late presses again. */
  async function enterByPasskey(path: string): Promise<void> {
    const button = robin.page.getByRole('button', { name: 'Sign in with a passkey', exact: true });
    await robin.touch(true);
    const arrived = async (): Promise<string> => {
      await button.click({ timeout: 500 }).catch(() => undefined);
      return new URL(robin.page.url()).pathname;
    };
    await expect.poll(arrived, { ...patience, interval: 1000 }).toBe(path);
    await arriveAt(path);
  }

  /** Whatever became of the login in a test before. */
  async function openSignedIn(path: string): Promise<void> {
    await robin.open(path);
    if (new URL(robin.page.url()).pathname === '/sign-in') await enterByPasskey(path);
  }

  /** Leaves the page at the door, where a passkey has been suggested and no finger lies on it. */
  async function signOut(): Promise<void> {
    await openSignedIn('/security');
    await robin.touch(false);
    const suggested = robin.page.waitForResponse('**/api/v1/auth/passkey/options', patience);
    await press('Sign out');
    await arriveAt('/sign-in');
    await suggested;
  }

  async function arriveAt(path: string | RegExp, guest = robin): Promise<void> {
    await guest.page.waitForURL(typeof path === 'string' ? `${hub.url}${path}` : path, patience);
  }

  test('lead the first admin from the setup token to a passkey and spare keys', async () => {
    const { page } = robin;
    const token = (await readFile(join(hub.folder, 'setup-token'), 'utf8')).trim();
    await robin.open('/');
    await page.getByRole('link', { name: 'Set up this hub' }).click();
    await robin.open(`/setup#${token}`);
    // Nothing that is photographed or kept in a history holds it.
    await arriveAt('/setup');
    await page.getByLabel('User name').fill('robin');
    await press('Continue');
    await arriveAt('/enrol');
    await robin.touch(true);
    await press('Make a passkey');
    await page.getByText('Spare keys').last().waitFor(patience);
    await expect.poll(() => page.locator('#recovery-codes li').count(), patience).toBe(10);
    recoveryCodes = await page.locator('#recovery-codes li').allTextContents();
    expect(recoveryCodes[0]).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/);
    expect(await robin.passkeys()).toBe(1);
    await press('I have put them somewhere safe');
    await arriveAt('/servers');
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('let nobody set the hub up twice', async () => {
    const second = await DashboardGuest.arrive(browser, hub);
    await second.open('/setup');
    const heading = second.page.getByRole('heading', { level: 1 });
    await expect.poll(() => heading.textContent(), patience).toBe('This hub is set up');
    await second.leave();
  });

  test('bring their style and scripts compressed and for good, and themselves for no cache', async () => {
    const { text, headers } = await talk('/sign-in', { headers: { accept: 'text/html' } });
    expect(headers['cache-control']).toBe('no-store');
    const assets = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(
      ([, path = '']) => path,
    );
    expect(assets.length).toBeGreaterThan(5);
    for (const path of assets) {
      const asset = await talk(path, { headers: { 'accept-encoding': 'br' } });
      expect([path, asset.status, asset.headers['content-encoding']]).toEqual([path, 200, 'br']);
      expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(asset.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  const ownPages = ['/security', '/devices', '/tokens', '/device?code=WDJB-MJHT', '/api', '/enrol'];
  const doors = ['/', '/sign-in', '/invite', '/api', '/nothing-here'];

  test.each(looks)(
    'have no barrier, no violation and no error at $width pixels in $colorScheme',
    async ({ width, colorScheme }) => {
      const stranger = await DashboardGuest.arrive(browser, hub, { width, colorScheme });
      await robin.page.setViewportSize({ width, height: 844 });
      await robin.page.emulateMedia({ colorScheme });
      for (const [guest, paths] of [
        [robin, ownPages],
        [stranger, doors],
      ] as const)
        for (const path of paths) {
          await guest.open(path);
          await guest.photograph(`${path.replaceAll(/\W+/g, '_')}-${width}-${colorScheme}`);
          expect({ path, found: await guest.barriers() }).toEqual({ path, found: [] });
          expect({ path, found: await guest.misfits() }).toEqual({ path, found: [] });
        }
      expect(robin.mishaps()).toEqual([]);
      // Chromium calls a page that is not there an error, which it is.
      expect(stranger.mishaps().filter((each) => !each.includes('/nothing-here'))).toEqual([]);
      await stranger.leave();
    },
    120_000,
  );

  test('sign out, and in again with a passkey that is asked for no name', async () => {
    await signOut();
    await robin.open('/devices');
    await arriveAt('/sign-in?return=%2Fdevices');
    await enterByPasskey('/devices');
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('let in who presses the button before the suggestion below the name is there', async () => {
    const { page } = robin;
    await signOut();
    const held = Promise.withResolvers<void>();
    const order: string[] = [];
    await page.route('**/api/v1/auth/passkey/options', async (route) => {
      order.push('asked');
      await held.promise;
      await route.continue();
    });
    page.on('response', (response) => {
      if (response.url().endsWith('/passkey/options')) order.push('answered');
    });
    await robin.open('/devices');
    await expect.poll(() => order, patience).toEqual(['asked']);
    await press('Sign in with a passkey');
    await robin.touch(true);
    held.resolve();
    await arriveAt('/devices');
    // The hub remembers its last question: one that is asked by the way must not come behind the one that is answered.
    expect(order.slice(0, 4)).toEqual(['asked', 'answered', 'asked', 'answered']);
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('make one login of two presses, however slow the hub is', async () => {
    const { page } = robin;
    await signOut();
    const held = Promise.withResolvers<void>();
    let entries = 0;
    await page.route('**/api/v1/auth/passkey', async (route) => {
      entries += 1;
      await held.promise;
      await route.continue();
    });
    const suggested = page.waitForResponse('**/api/v1/auth/passkey/options', patience);
    await robin.open('/devices');
    await suggested;
    await robin.touch(true);
    await press('Sign in with a passkey');
    await expect.poll(() => entries, patience).toBe(1);
    await press('Sign in with a passkey');
    await press('Sign in with a passkey');
    held.resolve();
    await arriveAt('/devices');
    expect(entries).toBe(1);
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('ask who is there before a password is set, and go on by themselves', async () => {
    const { page } = robin;
    await openSignedIn('/security');
    await robin.touch(false);
    await press('Set a password');
    await page.getByLabel('New password', { exact: true }).fill(password);
    await page.locator('dialog[open]').getByRole('button', { name: 'Set a password' }).click();
    await page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
    await robin.touch(true);
    await press('Continue with a passkey');
    await page.getByText('Your password is changed.').waitFor(patience);
    expect(robin.mishaps().filter(isNoRefusal)).toEqual([]);
  }, 60_000);

  test('set up an authenticator app, which the password then asks for', async () => {
    const { page } = robin;
    await openSignedIn('/security');
    await press('Set it up');
    await page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
    await press('Continue with a passkey');
    await page.locator('[data-totp-qr]').waitFor(patience);
    await page.getByText('It cannot scan').click();
    const secret = (await page.locator('#totp-secret').textContent()) ?? '';
    await page.getByLabel('Type the code that it shows').fill(await codeOf(secret));
    await press('Confirm');
    await page.getByText('The authenticator app is set up.').waitFor(patience);

    const phone = await DashboardGuest.arrive(browser, hub);
    await phone.open('/sign-in');
    await phone.page.getByLabel('User name or e-mail').fill('robin');
    await phone.page.getByLabel('Password', { exact: true }).fill(password);
    await press('Sign in', phone);
    await phone.page.getByRole('heading', { name: 'One more step' }).waitFor(patience);
    expect(await phone.barriers()).toEqual([]);
    await press('Use your authenticator app', phone);
    // The code of this half minute is spent: the next one is inside the window.
    const next = await codeOf(secret, 30_000);
    await phone.page.getByLabel('Code from your authenticator app').fill(next);
    await press('Continue', phone);
    await arriveAt('/servers', phone);
    expect(phone.mishaps()).toEqual([]);
    await phone.leave();
  }, 90_000);

  test('take a password that is sent before the suggestion below the name is there', async () => {
    const quick = await DashboardGuest.arrive(browser, hub);
    const { page } = quick;
    const asked = Promise.withResolvers<void>();
    await page.route('**/api/v1/auth/passkey/options', async (route) => {
      asked.resolve();
      // The answer to the password comes never while this one is away, or first and its cookie is lost.
      const login = page.waitForResponse('**/api/v1/auth/login', { timeout: 1000 });
      await login.catch(() => undefined);
      await route.continue();
    });
    await quick.open('/sign-in');
    await asked.promise;
    await page.getByLabel('User name or e-mail').fill('robin');
    await page.getByLabel('Password', { exact: true }).fill(password);
    const answered = page.waitForResponse('**/api/v1/auth/passkey/options', patience);
    await press('Sign in', quick);
    await answered;
    await press('Use a recovery code', quick);
    await page.getByLabel('One of your recovery codes').fill(recoveryCodes.shift() ?? '');
    await press('Continue', quick);
    await arriveAt('/enrol', quick);
    expect(quick.mishaps()).toEqual([]);
    await quick.leave();
  }, 60_000);

  test('show each login, and end another one within a second', async () => {
    const thief = await signInWithRecovery();
    await arriveAt('/enrol', thief);
    await openSignedIn('/devices');
    const rows = robin.page.getByRole('list', { name: 'Browsers' }).getByRole('listitem');
    await expect.poll(() => rows.count(), patience).toBeGreaterThan(1);
    await press('Sign out everywhere else');
    await robin.page
      .locator('dialog[open]')
      .getByRole('button', { name: 'Sign out everywhere else' })
      .click();
    await robin.page.getByText('You are signed in here only.').waitFor(patience);
    await thief.open('/enrol');
    await arriveAt('/sign-in', thief);
    await thief.leave();
  }, 90_000);

  test('make a token that is shown once, and take it back', async () => {
    const { page } = robin;
    await openSignedIn('/tokens');
    await press('Make a token');
    await page.getByLabel('What is it for?').fill('Backup script');
    await page.locator('dialog[open]').getByRole('button', { name: 'Make the token' }).click();
    await meetStepUp();
    await expect
      .poll(() => page.locator('#token-text').textContent(), patience)
      .toMatch(/^phx_pat_/);
    const token = (await page.locator('#token-text').textContent()) ?? '';
    expect(await statusOf('/api/v1/servers', token)).toBe(200);
    await robin.open('/tokens');
    expect(await page.content()).not.toContain(token);
    await press('Revoke Backup script');
    await page.getByRole('button', { name: 'Revoke the token' }).click();
    await page.getByText('Backup script is revoked.').waitFor(patience);
    expect(await statusOf('/api/v1/servers', token)).toBe(401);
  }, 90_000);

  test('let a device in by its code, after a look at who asks', async () => {
    const { page } = robin;
    const form = 'client_id=phlix-tv&device_name=Living%20room%20%3Cb%3ETV';
    const asked = (await post('/oauth/device_authorization', form)) as Record<string, string>;
    await openSignedIn(`/device?code=${asked['user_code']}`);
    await press('Continue');
    await page.getByText('Living room <b>TV').waitFor(patience);
    expect(await page.locator('.user-code').textContent()).toBe(asked['user_code']);
    expect(await robin.barriers()).toEqual([]);
    await press('Let it in');
    await meetStepUp();
    await page.getByText('The device is in.').waitFor(patience);
    const grant = 'grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=phlix-tv';
    const answer = await post('/oauth/token', `${grant}&device_code=${asked['device_code']}`);
    expect(answer).toMatchObject({ token_type: 'Bearer' });
    await openSignedIn('/devices');
    await page.getByText('Living room <b>TV').waitFor(patience);
  }, 90_000);

  test('take somebody in by a link that works once, with a password and an app', async () => {
    const { page } = robin;
    await openSignedIn('/admin/users');
    await press('Invite somebody');
    await page.locator('dialog[open] form').getByRole('button').last().click();
    await meetStepUp();
    await expect.poll(() => page.locator('#invitation-link').textContent(), patience).toMatch(/#/);
    const link = (await page.locator('#invitation-link').textContent()) ?? '';
    // It stands among those that are open, at once, and the link is still shown.
    await page.locator('#invitations').getByText('Whoever has the link').waitFor(patience);
    expect(await page.locator('#invitation-link').isVisible()).toBe(true);

    const kim = await DashboardGuest.arrive(browser, hub);
    await kim.open(link.slice(hub.url.length));
    await kim.page.getByLabel('User name').fill('kim');
    await kim.page.getByLabel('Password (optional)').fill('short');
    await press('Continue', kim);
    const password = kim.page.getByLabel('Password (optional)');
    await kim.page.getByRole('alert').filter({ visible: true }).waitFor(patience);
    await password.fill(otherPassword);
    await press('Continue', kim);
    await arriveAt('/enrol', kim);
    await press('Use an authenticator app', kim);
    await proveByPassword(kim);
    await kim.page.getByText('It cannot scan').click(patience);
    const secret = (await kim.page.locator('#totp-secret').textContent()) ?? '';
    expect(await kim.barriers()).toEqual([]);
    await kim.page.getByLabel('Type the code that it shows').fill(await codeOf(secret));
    await press('Confirm', kim);
    // The account is not new any more: what makes spare keys is asked who it is.
    await kim.page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
    const next = await codeOf(secret, 30_000);
    await kim.page.getByLabel('Code from your authenticator app').fill(next);
    await press('Continue', kim);
    await expect.poll(() => kim.page.locator('#recovery-codes li').count(), patience).toBe(10);

    const late = await DashboardGuest.arrive(browser, hub);
    await late.open(link.slice(hub.url.length));
    await late.page.getByText('ask for another one').waitFor(patience);
    await late.leave();

    expect(kim.mishaps().filter(isNoRefusal)).toEqual([]);
    await kim.leave();
  }, 90_000);

  test('want the name typed before an account is deleted, and say why the last admin stays', async () => {
    const { page } = robin;
    await robin.touch(true);
    await openSignedIn('/security');
    await press('Delete my account');
    const dialog = page.locator('#delete-account');
    const confirm = dialog.getByRole('button', { name: 'Delete my account' });
    await dialog.getByLabel('Type robin to confirm').fill('kim');
    await confirm.click();
    await dialog.getByText('Type robin exactly').waitFor(patience);
    await dialog.getByLabel('Type robin to confirm').fill('robin');
    await confirm.click();
    await press('Continue with a passkey');
    await expect.poll(() => dialog.getByRole('alert').textContent(), patience).toMatch(/admin/);
    expect(robin.mishaps().filter(isNoRefusal)).toEqual([]);
  }, 60_000);

  test('suggest a passkey below the name, so that nobody has to know of it', async () => {
    await signOut();
    let touches = 0;
    const chosen = async (): Promise<string> => {
      // Whoever touches before the page has asked touches again; a touch that was taken back ends the page's question.
      touches += 1;
      if (touches % 10 === 0) await robin.open('/sign-in');
      await robin.touch(false);
      await robin.touch(true);
      return new URL(robin.page.url()).pathname;
    };
    await expect.poll(chosen, { timeout: 40_000, interval: 300 }).toBe('/servers');
    expect(robin.mishaps().filter(isNoRefusal)).toEqual([]);
  }, 60_000);

  async function proveByPassword(guest: DashboardGuest): Promise<void> {
    await guest.page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
    await guest.page.getByLabel('Your password', { exact: true }).fill(otherPassword);
    await press('Continue', guest);
  }

  /** Where the login was lifted a moment ago the hub does not ask again. */
  async function meetStepUp(): Promise<void> {
    const { page } = robin;
    await robin.touch(true);
    const asks = page.getByRole('heading', { name: 'Is it you?' });
    const done = page
      .locator('#token-text, #invitation-link, [data-device-said]')
      .filter({ hasText: /\S/ });
    await asks.or(done).first().waitFor(patience);
    if (await asks.isVisible()) await press('Continue with a passkey');
  }

  async function signInWithRecovery(): Promise<DashboardGuest> {
    const guest = await DashboardGuest.arrive(browser, hub);
    await guest.open('/sign-in');
    await guest.page.getByLabel('User name or e-mail').fill('ROBIN');
    await guest.page.getByLabel('Password', { exact: true }).fill(password);
    await press('Sign in', guest);
    await press('Use a recovery code', guest);
    const code = recoveryCodes.shift()?.toLowerCase().replaceAll('-', '') ?? '';
    await guest.page.getByLabel('One of your recovery codes').fill(code);
    await press('Continue', guest);
    return guest;
  }

  async function statusOf(path: string, token: string): Promise<number> {
    const { status } = await talk(path, { headers: { authorization: `Bearer ${token}` } });
    return status;
  }

  async function post(path: string, form: string): Promise<unknown> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return JSON.parse((await talk(path, { method: 'POST', headers, body: form })).text);
  }

  async function talk(
    path: string,
    {
      method = 'GET',
      headers,
      body,
    }: { method?: string; headers: Record<string, string>; body?: string },
  ): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
    const ca = await readFile(hub.caFile);
    const { port } = new URL(hub.url);
    const options = { host: '127.0.0.1', port, path, method, ca, servername: 'hub.localhost' };
    const withHost = { ...headers, host: `hub.localhost:${port}` };
    return new Promise((resolve, reject) => {
      const sent = request({ ...options, headers: withHost }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, text });
        });
      });
      sent.on('error', reject).end(body);
    });
  }
});

/** Chromium reports what the hub refuses, which the page then says in words. */
function isNoRefusal(mishap: string): boolean {
  return !/status of (400|403|409|410|422)/.test(mishap);
}

async function codeOf(secret: string, aheadMs = 0): Promise<string> {
  const epoch = Math.floor((Date.now() + aheadMs) / 1000);
  return generate({ secret, epoch });
}
