// A browser and a hub arrive; somebody leaves who looks at its pages with a passkey in the pocket, and who remembers everything that went wrong on the way.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterEach } from 'vitest';

import { chosenCases } from './long-form.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** WCAG 2.2 A and AA, and what axe calls good practice. */
const axeTags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export interface Look {
  readonly width: number;
  readonly colorScheme: 'light' | 'dark';
}

const looksByName: Readonly<
  Record<'small light' | 'small dark' | 'wide light' | 'wide dark', Look>
> = {
  'small light': { width: 390, colorScheme: 'light' },
  'small dark': { width: 390, colorScheme: 'dark' },
  'wide light': { width: 1280, colorScheme: 'light' },
  'wide dark': { width: 1280, colorScheme: 'dark' },
};

/** Both widths and both colours that pages are made for; the usual two hold each of them once. */
export const looks: readonly Look[] = chosenCases(
  ['small light', 'small dark', 'wide light', 'wide dark'],
  ['small light', 'wide dark'],
).map((name) => looksByName[name]);

/** Runs in the page. A thumb finds 44 pixels (WCAG 2.5.5); half a pixel is rounding. */
const misfits = `(() => {
  const small = [...document.querySelectorAll('a, button, select, summary, input')]
    .filter((element) => element.checkVisibility() && element.closest('p, .unseen') === null)
    .filter((element) => !element.matches('.skip, .unseen, [type="checkbox"], [type="radio"]'))
    .filter((element) => element.getBoundingClientRect().height < 43.5)
    .map((element) => 'too small: ' + element.outerHTML.slice(0, 120));
  const excess = document.documentElement.scrollWidth - innerWidth;
  return excess > 0 ? [...small, 'wider than the screen by ' + excess] : small;
})()`;

interface AxeViolation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

const guests = new Set<DashboardGuest>();

/** A button that was not there says nothing of why: what each guest saw stands beside the failure. */
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const views = await Promise.all([...guests].map(async (guest) => guest.view()));
  if (views.length > 0) throw new Error(views.join('; '));
});

export class DashboardGuest {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #cdp: CDPSession;
  readonly #hubUrl: string;
  readonly #mishaps: string[] = [];
  /** What was asked and answered, and what went wrong: of all, the last. */
  readonly #events: string[] = [];
  #authenticatorId = '';

  static async arrive(
    browser: Browser,
    hub: { readonly url: string },
    look: Look = { width: 390, colorScheme: 'light' },
  ): Promise<DashboardGuest> {
    const context = await browser.newContext({
      viewport: { width: look.width, height: 844 },
      colorScheme: look.colorScheme,
    });
    const page = await context.newPage();
    const guest = new DashboardGuest(context, page, await context.newCDPSession(page), hub.url);
    await guest.#getAuthenticator();
    return guest;
  }

  private constructor(context: BrowserContext, page: Page, cdp: CDPSession, hubUrl: string) {
    this.context = context;
    this.page = page;
    this.#cdp = cdp;
    this.#hubUrl = hubUrl;
    guests.add(this);
    page.on('console', (message) => {
      const { type, text } = { type: message.type(), text: message.text() };
      if (type === 'error' || type === 'warning') this.#missed(`${page.url()}: ${text}`);
    });
    page.on('pageerror', ({ message }) => this.#missed(`${page.url()}: ${message}`));
    page.on('response', (response) => {
      const asked = response.request();
      const { pathname } = new URL(response.url());
      if (!pathname.startsWith('/assets/'))
        this.#events.push(`${asked.method()} ${pathname} ${response.status()}`);
    });
    page.on('requestfailed', (request) => {
      // Left behind by going elsewhere: a stream of events, a question to the authenticator.
      const why = request.failure()?.errorText ?? '';
      if (why !== 'net::ERR_ABORTED') this.#missed(`${request.url()}: ${why}`);
    });
  }

  /** Where this guest is, what the page says, and what came before, newest last. */
  async view(): Promise<string> {
    const said = await this.page
      .evaluate(`document.querySelector('dialog[open], main')?.innerText.slice(0, 300)`)
      .catch((error: unknown) => `no page: ${(error as Error).message}`);
    const words = String(said).replaceAll(/\s+/g, ' ');
    return `at ${this.page.url()} after ${this.#events.slice(-8).join(', ')}: ${words}`;
  }

  /** Errors of the console, violations of the policy, requests that failed; asked for once, forgotten then. */
  mishaps(): string[] {
    return this.#mishaps.splice(0);
  }

  async open(path: string): Promise<void> {
    await this.page.goto(`${this.#hubUrl}${path}`, { waitUntil: 'load' });
  }

  /** Whether a finger lies on the authenticator: only then it answers. */
  async touch(isTouching: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setAutomaticPresenceSimulation', {
      authenticatorId: this.#authenticatorId,
      enabled: isTouching,
    });
  }

  async passkeys(): Promise<number> {
    const { credentials } = await this.#cdp.send('WebAuthn.getCredentials', {
      authenticatorId: this.#authenticatorId,
    });
    return credentials.length;
  }

  /** One sentence for each thing that somebody could not see, reach or understand. */
  async barriers(): Promise<string[]> {
    const violations = (await this.page.evaluate(
      `(() => { ${axe}; return axe.run({ runOnly: ${JSON.stringify(axeTags)} }); })()`,
    )) as { violations: readonly AxeViolation[] };
    return violations.violations.flatMap(({ id, nodes }) =>
      nodes.map(
        ({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`,
      ),
    );
  }

  /** What is smaller than a thumb, or wider than the screen. Links within a sentence may be small (WCAG 2.5.8). */
  async misfits(): Promise<string[]> {
    return (await this.page.evaluate(misfits)) as string[];
  }

  /** For people to look at, where PHLIX_SCREENSHOTS names a folder. */
  async photograph(name: string): Promise<void> {
    const folder = process.env['PHLIX_SCREENSHOTS'];
    if (folder !== undefined)
      await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  async leave(): Promise<void> {
    guests.delete(this);
    await this.context.close();
  }

  #missed(what: string): void {
    this.#mishaps.push(what);
    this.#events.push(what);
  }

  async #getAuthenticator(): Promise<void> {
    await this.#cdp.send('WebAuthn.enable');
    const { authenticatorId } = await this.#cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: false,
      },
    });
    this.#authenticatorId = authenticatorId;
  }
}
