import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { DashboardGuest, looks } from '../support/dashboard-guest.ts';
import { HubProcess } from '../support/deployment.ts';
import { startMailServer, type MailServer } from '../support/mail-server.ts';
import { hasParts } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const nextPassword = 'nine copper kettles under the stairs';
/** A page that has to be found, filled and left: Chromium on a busy machine. */
const patience = { timeout: 15_000 };

describe.skipIf(!hasParts('chromium', 'certutil'))('the pages about mail', () => {
  let mail: MailServer;
  let hub: HubProcess;
  let browser: Browser;
  let lou: DashboardGuest;

  beforeAll(async () => {
    mail = await startMailServer();
    const caFile = join(temporaryFolder('mail').path, 'ca.pem');
    writeFileSync(caFile, mail.certificate);
    const settings = {
      HUB_SMTP_HOST: 'localhost',
      HUB_SMTP_PORT: String(mail.port),
      HUB_SMTP_FROM: 'hub@example.org',
      NODE_EXTRA_CA_CERTS: caFile,
      HUB_EMAIL_CODES: 'on',
    };
    hub = await HubProcess.start({ settings });
    const admin = new ApiClient(hub);
    await admin.becomeAdmin();
    await admin.invite('lou', 'owner');
    browser = await openTrustingBrowser(hub.caFile);
    lou = await DashboardGuest.arrive(browser, hub);
  }, 180_000);

  afterAll(async () => {
    await lou?.leave();
    await browser?.close();
    await hub?.stop();
    await mail?.stop();
  });

  async function press(name: string): Promise<void> {
    const buttons = lou.page.getByRole('button', { name, exact: true });
    await buttons.filter({ visible: true }).first().click(patience);
  }

  async function arriveAt(path: string): Promise<void> {
    await lou.page.waitForURL(`${hub.url}${path}`, patience);
  }

  async function typeName(secret: string): Promise<void> {
    await lou.open('/sign-in');
    await lou.page.getByLabel('User name or e-mail').fill('lou');
    await lou.page.getByLabel('Password', { exact: true }).fill(secret);
    await press('Sign in');
  }

  /** Of the youngest letter with such a subject, once there is one more than before. */
  async function next(subject: string, asking: () => Promise<void>): Promise<string> {
    const found = () => mail.letters.filter((letter) => letter.mail.subject?.includes(subject));
    const before = found().length;
    await asking();
    await expect.poll(() => found().length, patience).toBe(before + 1);
    return found().at(-1)?.mail.text ?? '';
  }

  function pathIn(text: string): string {
    const address = /^(https:\S+#[\w-]{43})$/m.exec(text)?.[1] ?? '';
    return address.slice(hub.url.length);
  }

  async function askForCode(): Promise<string> {
    const text = await next('Your code', async () => press('Send me a code'));
    return /^ {4}(\d{6})$/m.exec(text)?.[1] ?? '';
  }

  const doors = [
    '/sign-in',
    '/forgotten',
    '/recover',
    '/forgotten?sent=1',
    '/reset-password',
    '/verify-email',
    '/verify-email?done=1',
  ];

  test.each(looks)(
    'have no barrier, no violation and no error at $width pixels in $colorScheme',
    async ({ width, colorScheme }) => {
      const stranger = await DashboardGuest.arrive(browser, hub, { width, colorScheme });
      for (const path of doors) {
        await stranger.open(path);
        await stranger.photograph(`mail-${path.replaceAll(/\W+/g, '_')}-${width}-${colorScheme}`);
        expect({ path, found: await stranger.barriers() }).toEqual({ path, found: [] });
        expect({ path, found: await stranger.misfits() }).toEqual({ path, found: [] });
      }
      expect(stranger.mishaps()).toEqual([]);
      await stranger.leave();
    },
    60_000,
  );

  test('take an address, and its proof by a link that no address bar keeps', async () => {
    const { page } = lou;
    await typeName(password);
    await arriveAt('/servers');
    const letter = await next('your address', async () => {
      await lou.open('/security');
      await press('Add an address');
      await page.getByLabel('E-mail', { exact: true }).fill('lou@example.org');
      await page.locator('dialog[open]').getByRole('button', { name: 'Save' }).click();
      await page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
      await page.getByLabel('Your password', { exact: true }).fill(password);
      await press('Continue');
    });
    await page.getByText('Not confirmed yet').waitFor(patience);
    await lou.photograph('mail-security-open-390-light');
    const again = await next('your address', async () => press('Send me the link'));
    expect(again).not.toBe(letter);
    await lou.open(pathIn(letter));
    await arriveAt('/verify-email');
    await press('Confirm my address');
    await arriveAt('/verify-email?done=1');
    await lou.open('/security');
    await page.getByText('Confirmed', { exact: true }).waitFor(patience);
    expect(lou.mishaps().filter(isNoRefusal)).toEqual([]);
  }, 60_000);

  test('ask for a code by mail after the password, and before something important', async () => {
    const { page } = lou;
    await press('Sign out');
    await arriveAt('/sign-in');
    await typeName(password);
    await page.getByRole('heading', { name: 'One more step' }).waitFor(patience);
    const code = await askForCode();
    expect(await lou.barriers()).toEqual([]);
    await lou.photograph('mail-code-390-light');
    await page.getByLabel('Code from the e-mail').fill(code);
    await press('Continue');
    await arriveAt('/servers');
    await lou.open('/security');
    await press('Set it up');
    await page.getByRole('heading', { name: 'Is it you?' }).waitFor(patience);
    const second = await askForCode();
    await page.getByText('A code is on its way to your e-mail address.').waitFor(patience);
    expect(await lou.barriers()).toEqual([]);
    await lou.photograph('mail-step-up-390-light');
    await page.getByLabel('Code from the e-mail').fill(second);
    await press('Continue');
    await page.locator('[data-totp-qr]').waitFor(patience);
    expect(lou.mishaps().filter(isNoRefusal)).toEqual([]);
  }, 60_000);

  test('lead from a forgotten password to another one, and to the code again', async () => {
    const { page } = lou;
    await lou.open('/security');
    await press('Sign out');
    await arriveAt('/sign-in');
    await page.getByRole('link', { name: 'Forgotten your password?' }).click();
    await arriveAt('/forgotten');
    const letter = await next('Another password', async () => {
      await page.getByLabel('User name or e-mail').fill('lou@example.org');
      await press('Send me a link');
      await page.getByRole('heading', { name: 'Look at your mail' }).waitFor(patience);
    });
    await lou.open(pathIn(letter));
    await arriveAt('/reset-password');
    await lou.photograph('mail-reset-390-light');
    await page.getByLabel('New password').fill(nextPassword);
    await press('Change my password');
    await arriveAt('/sign-in');
    await page.getByText('Your password is changed.').waitFor(patience);
    await typeName(nextPassword);
    await page.getByRole('heading', { name: 'One more step' }).waitFor(patience);
    await lou.open(pathIn(letter));
    await page.getByLabel('New password').fill(password);
    await press('Change my password');
    await page.getByText('This link was used').waitFor(patience);
    expect(lou.mishaps().filter(isNoRefusal)).toEqual([]);
  }, 60_000);
});

/** Chromium reports what the hub refuses, which the page then says in words. */
function isNoRefusal(mishap: string): boolean {
  return !/status of (400|403|409|410|422)/.test(mishap);
}
