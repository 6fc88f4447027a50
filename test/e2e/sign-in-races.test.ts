import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Browser, Locator, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { DashboardGuest, looks } from '../support/dashboard-guest.ts';
import { HubProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const password = 'nine slow ferries under a paper moon';
/** A page that has to be found, filled and left: Chromium on a busy machine. */
const patience = { timeout: 15_000 };
const options = '/api/v1/auth/passkey/options';
const login = '/api/v1/auth/login';
const entry = '/api/v1/auth/passkey';
const factorOptions = '/api/v1/auth/mfa/passkey/options';
const factor = '/api/v1/auth/mfa/passkey';

/** Runs before the page's own scripts, and writes down how the browser asked for passkeys and what came of it. */
const watchCeremonies = `
  globalThis.ceremonies = [];
  const get = navigator.credentials.get.bind(navigator.credentials);
  navigator.credentials.get = async (request) => {
    const isSuggested = request.mediation === 'conditional';
    const index = ceremonies.push({ way: isSuggested ? 'suggested' : 'by hand', end: 'pending' }) - 1;
    try {
      if (globalThis.isCancelling && !isSuggested) throw new DOMException('', 'NotAllowedError');
      const credential = await get(request);
      ceremonies[index].end = 'signed';
      return credential;
    } catch (error) {
      ceremonies[index].end = error.name;
      throw error;
    }
  };`;

describe.skipIf(!hasParts('chromium', 'certutil'))('at the door, one attempt at a time', () => {
  let hub: HubProcess;
  let browser: Browser;
  let robin: DashboardGuest;
  /** What the page asked the hub, in order. */
  let asked: string[] = [];

  beforeAll(async () => {
    hub = await HubProcess.start();
    browser = await openTrustingBrowser(hub.caFile);
    robin = await DashboardGuest.arrive(browser, hub);
    await robin.page.addInitScript(watchCeremonies);
    robin.page.on('request', (request) => {
      if (request.method() === 'POST') asked.push(new URL(request.url()).pathname);
    });
    await setUp();
  }, 120_000);

  afterAll(async () => {
    await robin?.leave();
    await browser?.close();
    await hub?.stop();
  });

  beforeEach(async () => {
    // A page that is left behind would ask on for somebody who is signed in no more.
    await robin.page.goto('about:blank');
    await robin.context.clearCookies();
    await robin.touch(false);
    robin.mishaps();
    asked = [];
  });

  afterEach(async () => robin.page.unrouteAll({ behavior: 'ignoreErrors' }));

  /** A first admin with a password, and a passkey that is asked for after it. */
  async function setUp(): Promise<void> {
    const { page } = robin;
    const token = (await readFile(join(hub.folder, 'setup-token'), 'utf8')).trim();
    await robin.open(`/setup#${token}`);
    await page.getByLabel('User name').fill('robin');
    await page.getByLabel('Password (optional)').fill(password);
    await button('Continue').click(patience);
    await page.waitForURL('**/enrol', patience);
    await robin.touch(true);
    await button('Make a passkey').click(patience);
    await page.getByLabel('Your password', { exact: true }).fill(password, patience);
    await button('Continue').click(patience);
    // The account is not new any more: what makes spare keys is asked who it is.
    await button('Continue with a passkey').click(patience);
    await button('I have put them somewhere safe').click(patience);
    await page.waitForURL('**/servers', patience);
  }

  function button(name: string): Locator {
    return robin.page.getByRole('button', { name, exact: true }).filter({ visible: true }).first();
  }

  async function press(name: string): Promise<void> {
    await button(name).click(patience);
  }

  async function fill(typed = password): Promise<void> {
    await robin.page.getByLabel('User name or e-mail').fill('robin');
    await robin.page.getByLabel('Password', { exact: true }).fill(typed);
  }

  /** A page whose suggestion below the name is there. */
  async function openDoor(): Promise<void> {
    await robin.open('/sign-in');
    await untilCeremoniesAre('suggested: pending');
  }

  async function untilCeremoniesAre(...ends: string[]): Promise<void> {
    const script = 'ceremonies.map(({ way, end }) => `${way}: ${end}`)';
    await expect.poll(async () => robin.page.evaluate(script), patience).toEqual(ends);
  }

  async function untilAsked(...paths: string[]): Promise<void> {
    await expect.poll(() => asked, patience).toEqual(paths);
  }

  /** Holds the first request to `path` back until `release`; whether the page still wants it then is its own matter. */
  async function holdFirst(path: string): Promise<{ release: () => void }> {
    const held = Promise.withResolvers<void>();
    const hold = async (route: Route): Promise<void> => {
      await held.promise;
      await route.continue().catch(() => undefined);
    };
    await robin.page.route(`**${path}`, hold, { times: 1 });
    return { release: () => held.resolve() };
  }

  /** What the buttons show, of the password first. */
  async function states(): Promise<string[]> {
    const both = [button('Sign in'), button('Sign in with a passkey')];
    return Promise.all(
      both.map(async (each) => {
        if ((await each.getAttribute('aria-busy', patience)) === 'true') return 'busy';
        return (await each.isEnabled()) ? 'ready' : 'off';
      }),
    );
  }

  /** By people who do not look whether the page takes it. */
  async function pressRegardless(name: string): Promise<void> {
    await button(name).click({ ...patience, force: true });
  }

  /** The second factor fits only where the hub's last question was the one about the password. */
  async function proveFactor(): Promise<void> {
    await robin.page.getByRole('heading', { name: 'One more step' }).waitFor(patience);
    await robin.touch(true);
    await press('Use a passkey');
    await robin.page.waitForURL('**/servers', patience);
  }

  test('a passkey is neither asked for nor suggested while a password is on its way', async () => {
    const { page } = robin;
    await openDoor();
    await fill();
    const { release } = await holdFirst(login);
    await press('Sign in');
    await untilAsked(options, login);
    await untilCeremoniesAre('suggested: AbortError');
    expect(await states()).toEqual(['busy', 'off']);
    for (const { width, colorScheme } of looks) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      // Colours come by and by.
      await expect.poll(async () => robin.barriers(), patience).toEqual([]);
      await robin.photograph(`sign-in-busy-${width}-${colorScheme}`);
    }
    await robin.touch(true);
    await pressRegardless('Sign in with a passkey');
    await pressRegardless('Sign in');
    release();
    await proveFactor();
    expect(asked).toEqual([options, login, factorOptions, factor]);
    await untilCeremoniesAre();
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('a password is not sent while a passkey is on its way, whoever submits it', async () => {
    const { page } = robin;
    await openDoor();
    await fill();
    const { release } = await holdFirst(entry);
    await robin.touch(true);
    await press('Sign in with a passkey');
    await expect.poll(() => asked.at(-1), patience).toBe(entry);
    expect(await states()).toEqual(['off', 'busy']);
    await pressRegardless('Sign in');
    // As a password manager does.
    await page.evaluate(`document.querySelector('#password-form').requestSubmit()`);
    await press('Sign in with a passkey');
    release();
    await page.waitForURL('**/servers', patience);
    expect(asked).not.toContain(login);
    expect(asked.filter((path) => path === entry)).toEqual([entry]);
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test.each(['Sign in', 'Sign in with a passkey'])(
    'a suggestion that the hub never answers does not hold up who presses "%s"',
    async (name) => {
      const { release } = await holdFirst(options);
      await robin.open('/sign-in');
      await untilAsked(options);
      await fill();
      await robin.touch(true);
      await press(name);
      await expect.poll(() => asked.length, patience).toBeGreaterThan(1);
      release();
      if (name === 'Sign in') await proveFactor();
      await robin.page.waitForURL('**/servers', patience);
      expect(robin.mishaps()).toEqual([]);
    },
    60_000,
  );

  test('passkeys are suggested again after one that was cancelled, once each time', async () => {
    const { page } = robin;
    await openDoor();
    await page.evaluate('globalThis.isCancelling = true');
    await press('Sign in with a passkey');
    const first = ['suggested: AbortError', 'by hand: NotAllowedError'];
    await untilCeremoniesAre(...first, 'suggested: pending');
    await page.getByRole('alert').getByText('No passkey was used').waitFor(patience);
    expect(await states()).toEqual(['ready', 'ready']);
    await press('Sign in with a passkey');
    await untilCeremoniesAre(...first, ...first, 'suggested: pending');
    expect(asked).toEqual([options, options, options, options, options]);
    await page.evaluate('globalThis.isCancelling = false');
    await robin.touch(true);
    await press('Sign in with a passkey');
    await page.waitForURL('**/servers', patience);
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('an authenticator that nobody touched is asked anew by a second press', async () => {
    const { page } = robin;
    await openDoor();
    await fill();
    await press('Sign in with a passkey');
    await untilCeremoniesAre('suggested: AbortError', 'by hand: pending');
    await press('Sign in with a passkey');
    const former = ['suggested: AbortError', 'by hand: AbortError'];
    await untilCeremoniesAre(...former, 'by hand: pending');
    // The end of the former attempt is not that of the one which took its place.
    expect(await states()).toEqual(['off', 'busy']);
    expect(await page.getByRole('alert').filter({ visible: true }).count()).toBe(0);
    await page.evaluate(`document.querySelector('#password-form').requestSubmit()`);
    await robin.touch(true);
    await press('Sign in with a passkey');
    await page.waitForURL('**/servers', patience);
    expect(asked).not.toContain(login);
    expect(robin.mishaps()).toEqual([]);
  }, 60_000);

  test('a wrong password is said, and typed anew where it stood', async () => {
    const { page } = robin;
    await openDoor();
    await fill('not the password at all');
    await press('Sign in');
    await page.getByRole('alert').filter({ visible: true }).waitFor(patience);
    expect(await states()).toEqual(['ready', 'ready']);
    await untilCeremoniesAre('suggested: AbortError', 'suggested: pending');
    // What was typed is selected: the next letters take its place.
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await proveFactor();
    expect(robin.mishaps().filter((each) => !each.includes('status of 401'))).toEqual([]);
  }, 60_000);
});
