import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { password } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

interface Said {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

describe.skipIf(!hasParts('chromium', 'certutil'))('a passkey in Chromium', () => {
  let hub: HubProcess;
  let browser: Browser;
  let page: Page;
  let cdp: CDPSession;
  let authenticatorId: string;

  beforeAll(async () => {
    hub = await HubProcess.start();
    browser = await openTrustingBrowser(hub.caFile);
    page = await browser.newPage();
    await page.goto(hub.url);
    cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    }));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await hub?.stop();
  });

  /** As scripts of the hub's own page do; as text, since nothing here knows a browser's types. */
  const inPage = async <Result>(script: string): Promise<Result> =>
    page.evaluate<Result>(`(async () => { ${script} })()`);
  const ask = async (path: string, body: object, proof = ''): Promise<Said> => {
    const headers = {
      'content-type': 'application/json',
      ...(proof && { 'x-phlix-step-up': proof }),
    };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    return inPage(`
      const answer = await fetch('/api/v1${path}', ${JSON.stringify(init)});
      return { status: answer.status, json: await answer.json().catch(() => ({})) };`);
  };
  const create = async (offer: object): Promise<object> =>
    inPage(`
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(offer)});
      return (await navigator.credentials.create({ publicKey })).toJSON();`);
  const get = async (question: object): Promise<object> =>
    inPage(`
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(${JSON.stringify(question)});
      return (await navigator.credentials.get({ publicKey })).toJSON();`);
  const signIn = async (): Promise<Said> => {
    const { json } = await ask('/auth/passkey/options', {});
    return ask('/auth/passkey', { response: await get(json) });
  };

  test('is made after a proof, and signs in without a name', { timeout: 60_000 }, async () => {
    const token = readFileSync(join(hub.folder, 'setup-token'), 'utf8').trim();
    expect((await ask('/setup', { token, username: 'robin', password })).status).toBe(200);
    const asked = await ask('/account/passkeys/options', {});
    expect(asked.json['code']).toBe('login.step-up');
    const path = `/auth/step-up/${String(asked.json['challenge_id'])}/password`;
    const { json: proven } = await ask(path, { password });
    const { json: offer } = await ask('/account/passkeys/options', {}, String(proven['proof']));
    const made = await ask('/account/passkeys', { name: 'Laptop', response: await create(offer) });
    expect(made).toMatchObject({ status: 201, json: { name: 'Laptop' } });
    expect((await ask('/auth/logout', {})).status).toBeLessThan(300);
    expect(await signIn()).toMatchObject({ status: 200, json: { kind: 'done' } });
  });

  test('is not used where the person is not verified', { timeout: 60_000 }, async () => {
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await expect(signIn()).rejects.toThrow(/NotAllowedError|not allowed/);
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  });

  test(
    'that was copied earlier is refused, and the audit log says why',
    { timeout: 60_000 },
    async () => {
      const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
      const [copied] = credentials;
      if (copied === undefined) throw new Error('no passkey');
      expect((await signIn()).status).toBe(200);
      const { credentialId } = copied;
      await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId });
      await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: copied });
      expect((await signIn()).status).toBe(401);
      const { stdout } = await hub.run('audit', 'list', '--json', '--event', 'mfa.failed');
      expect(stdout).toMatch(/"reason":"counter"/);
    },
  );
});
