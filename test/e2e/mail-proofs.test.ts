import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { generate } from 'otplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password, type ApiAnswer } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import { startMailServer, type MailServer } from '../support/mail-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const smtpPassword = 'canary mail password';
const nextPassword = 'nine copper kettles under the stairs';
const noContent = { status: 204 };

let mail: MailServer;
let hub: HubProcess;
let admin: ApiClient;
let olga: ApiClient;
let totpSecret: string;
const lines: string[] = [];
/** Codes and what stood behind #: nobody may find them again. */
const canaries: string[] = [smtpPassword];

function settingsFor({ port, certificate }: MailServer): Record<string, string> {
  const caFile = join(temporaryFolder('mail').path, 'ca.pem');
  writeFileSync(caFile, certificate);
  return {
    HUB_SMTP_HOST: 'localhost',
    HUB_SMTP_PORT: String(port),
    HUB_SMTP_USER: 'hub',
    HUB_SMTP_PASSWORD: smtpPassword,
    HUB_SMTP_FROM: 'Phlix Hub <hub@example.org>',
    NODE_EXTRA_CA_CERTS: caFile,
    HUB_EMAIL_CODES: 'on',
    // A proxy of ours says who comes, so that each test has addresses of its own.
    HUB_TRUSTED_PROXIES: '127.0.0.1',
    HUB_LIMIT_LOGIN_FACTOR_FAILURES: '1000',
    HUB_LIMIT_LOGIN_ADDRESS_FAILURES: '1000',
    HUB_LIMIT_LOGIN_ADDRESS_DAILY: '10000',
    HUB_LIMIT_LOGIN_ACCOUNT_FAILURES: '1000',
  };
}

beforeAll(async () => {
  mail = await startMailServer({ login: { user: 'hub', password: smtpPassword } });
  const settings = settingsFor(mail);
  hub = await HubProcess.start({ settings, onLine: (line) => lines.push(line) });
  admin = new ApiClient(hub);
  await admin.becomeAdmin('ada');
}, 180_000);

afterAll(async () => {
  await hub?.stop();
  await mail?.stop();
});

/** From an address of its own, unless one is named. */
async function post(
  client: ApiClient,
  path: string,
  body?: object,
  address = `198.18.${randomBytes(1)[0]}.${randomBytes(1)[0]}`,
): Promise<ApiAnswer> {
  const headers = {
    'x-forwarded-for': address,
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0',
  };
  return client.ask('POST', `/api/v1${path}`, { headers, ...(body !== undefined && { body }) });
}

async function signIn(username: string, secret = password): Promise<[ApiClient, ApiAnswer]> {
  const client = new ApiClient(hub);
  return [client, await post(client, '/auth/login', { username, password: secret })];
}

/** Notices come by mail as well, whenever they like. */
const isAskedFor = ({ mail: { subject = '' } }: MailServer['letters'][number]): boolean =>
  /^Phlix Hub: (?:Your code|Is this your address\?|Another password)$/.test(subject);

/** The text of the next letter that `asking` brings. */
async function letterOf(to: string, asking: () => Promise<ApiAnswer>): Promise<string> {
  const before = mail.letters.length;
  expect((await asking()).status).toBeLessThan(300);
  for (let count = before + 1; ; count++) {
    const letter = (await mail.received(count, 20_000))[count - 1];
    if (letter?.to[0] !== to || !isAskedFor(letter)) continue;
    expect(letter).toMatchObject({ isSecure: true, mail: { html: false, attachments: [] } });
    return letter.mail.text ?? '';
  }
}

function secretIn(text: string): string {
  const secret = /#([\w-]{43})$/m.exec(text)?.[1] ?? '';
  canaries.push(secret);
  return secret;
}

function codeIn(text: string): string {
  const code = /^ {4}(\d{6})$/m.exec(text)?.[1] ?? '';
  canaries.push(code);
  return code;
}

async function askForCode(client: ApiClient, email: string): Promise<string> {
  const text = await letterOf(email, async () => post(client, '/auth/mfa/email/send'));
  expect(text).not.toMatch(/https?:|hub\.localhost/);
  expect(text).toMatch(/Firefox on Linux\nFrom: 198\.18\./);
  return codeIn(text);
}

const forget = async (username: string): Promise<ApiAnswer> =>
  post(new ApiClient(hub), '/auth/password/forgotten', { username });
const choose = async (token: string, secret = nextPassword): Promise<ApiAnswer> =>
  post(new ApiClient(hub), '/auth/password/reset', { token, new_password: secret });
const namesOf = ({ headers }: ApiAnswer): string[] => Object.keys(headers);
const wrongFor = (code: string): string => (code === '000000' ? '111111' : '000000');

async function eventCounts(): Promise<Record<string, number>> {
  const line = lines.findLast((each) => each.includes('metrics are served')) ?? '{}';
  const { port } = (JSON.parse(line) as { metrics: { port: number } }).metrics;
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const found = text.matchAll(/phlix_hub_factor_events_total\{event="([\w-]+)"\} (\d+)/g);
  return Object.fromEntries([...found].map(([, event, count]) => [event, Number(count)]));
}

describe('an address', () => {
  test('is written down in one form only, whatever else could be read from it', async () => {
    olga = await admin.invite('olga', 'member');
    for (const email of [
      'olga@example.org\r\nBcc: evil@example.net',
      '"a@good.com(x)"@evil.example',
      'olga@example.org, evil@example.net',
      'Olga <olga@example.org>',
    ]) {
      const refused = await olga.askProven('PUT', '/api/v1/account/email', { email });
      expect(refused).toMatchObject({ status: 400, json: { code: 'account.email' } });
    }
    expect(mail.letters).toEqual([]);
  });

  test('proves nothing before its link was opened, once, in whichever browser', async () => {
    const body = { email: 'olga@example.org' };
    const text = await letterOf('olga@example.org', async () =>
      olga.askProven('PUT', '/api/v1/account/email', body),
    );
    expect(text).toContain(`${hub.url}/verify-email#`);
    expect((await signIn('olga'))[1].json).toMatchObject({ kind: 'done' });
    expect((await signIn('olga@example.org'))[1].status).toBe(401);
    const token = secretIn(text);
    const telephone = new ApiClient(hub);
    const proven = await post(telephone, '/auth/email/verify', { token });
    expect(proven.json).toEqual({ username: 'olga', email: 'olga@example.org' });
    expect(proven.setCookies).toEqual([]);
    const again = await post(telephone, '/auth/email/verify', { token });
    expect(again).toMatchObject({ status: 403, json: { code: 'account.link' } });
    const { json } = await olga.ask('GET', '/api/v1/account');
    expect(json['is_email_verified']).toBe(true);
    const needless = await post(olga, '/account/email/verification');
    expect(needless.json['code']).toBe('account.email');
  });
});

describe('a code by mail', () => {
  test('lets in the browser that asked, and no other', async () => {
    const [browser, step] = await signIn('olga@example.org');
    expect(step.json).toMatchObject({ kind: 'factor', methods: ['email'] });
    const [other] = await signIn('olga');
    const code = await askForCode(browser, 'olga@example.org');
    expect((await post(other, '/auth/mfa/email', { code })).status).toBe(401);
    const entered = await post(browser, '/auth/mfa/email', { code });
    expect(entered.json).toMatchObject({ kind: 'done', restriction: null });
    expect((await browser.ask('GET', '/api/v1/account')).status).toBe(200);
    olga = browser;
  });

  test('lets in once, however often it comes at the same moment', async () => {
    const [browser] = await signIn('olga');
    const code = await askForCode(browser, 'olga@example.org');
    const copies = Array.from({ length: 12 }, () => {
      const copy = new ApiClient(hub);
      for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
      return post(copy, '/auth/mfa/email', { code });
    });
    const statuses = (await Promise.all(copies)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });

  test('is worth nothing after five wrong ones, and a fourth is not sent', async () => {
    const [browser] = await signIn('olga');
    const code = await askForCode(browser, 'olga@example.org');
    for (let tries = 0; tries < 5; tries++)
      expect((await post(browser, '/auth/mfa/email', { code: wrongFor(code) })).status).toBe(401);
    expect((await post(browser, '/auth/mfa/email', { code })).status).toBe(401);
    const [another] = await signIn('olga');
    const refused = await post(another, '/auth/mfa/email/send');
    expect(refused).toMatchObject({ status: 429, json: { code: 'account.letters' } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(400);
  });

  test('of no shape is 400, and asked for without a password is 401', async () => {
    const [browser] = await signIn('olga');
    for (const code of ['12345', '１２３４５６', ''])
      expect((await post(browser, '/auth/mfa/email', { code })).json['code']).toBe('mfa.malformed');
    const stranger = new ApiClient(hub);
    expect(await post(stranger, '/auth/mfa/email/send')).toMatchObject({
      status: 401,
      json: { code: 'login.expired' },
    });
    await post(stranger, '/auth/passkey/options', {});
    expect((await post(stranger, '/auth/mfa/email/send')).status).toBe(401);
  });

  test('meets a step-up, where five wrong ones burn it as well', async () => {
    const kim = await admin.invite('kim', 'owner');
    const text = await letterOf('kim@example.org', async () =>
      kim.askProven('PUT', '/api/v1/account/email', { email: 'kim@example.org' }),
    );
    await post(kim, '/auth/email/verify', { token: secretIn(text) });
    const asked = await post(kim, '/account/totp', {});
    expect(asked.json).toMatchObject({ code: 'login.step-up', methods: ['email'] });
    const challenge = `/auth/step-up/${String(asked.json['challenge_id'])}/email`;
    const send = async (): Promise<string> =>
      codeIn(await letterOf('kim@example.org', async () => post(kim, `${challenge}/send`)));
    const burned = await send();
    for (let tries = 0; tries < 5; tries++) await post(kim, challenge, { code: wrongFor(burned) });
    expect((await post(kim, challenge, { code: burned })).status).toBe(401);
    const proven = await post(kim, challenge, { code: await send() });
    expect(proven.json).toMatchObject({ kind: 'proven' });
    const headers = { 'x-phlix-step-up': String(proven.json['proof']) };
    const started = await kim.ask('POST', '/api/v1/account/totp', { body: {}, headers });
    totpSecret = String(started.json['secret']);
    const code = await generate({ secret: totpSecret });
    expect((await post(kim, '/account/totp/confirm', { code })).status).toBe(200);
  });

  test('is not sent to who has an app, to who has no address, nor to admins, and nobody sees it', async () => {
    const before = mail.letters.length;
    const dan = await admin.invite('dan', 'member');
    const { json } = await dan.askProven('POST', '/api/v1/account/totp', {});
    const code = await generate({ secret: String(json['secret']) });
    await post(dan, '/account/totp/confirm', { code });
    // Of kim's three letters two were sent in the test before.
    for (const [name, left] of [
      ['kim', 1],
      ['dan', 3],
    ] as const) {
      const [browser, step] = await signIn(name);
      expect(step.json).toMatchObject({ methods: ['totp'] });
      for (let times = 0; times < left; times++)
        expect(await post(browser, '/auth/mfa/email/send')).toMatchObject({
          ...noContent,
          text: '',
        });
      expect((await post(browser, '/auth/mfa/email/send')).json['code']).toBe('account.letters');
    }
    const text = await letterOf('ada@example.org', async () =>
      admin.askProven('PUT', '/api/v1/account/email', { email: 'ada@example.org' }),
    );
    await post(admin, '/auth/email/verify', { token: secretIn(text) });
    const [, entered] = await signIn('ada');
    expect(entered.json).toMatchObject({ kind: 'done' });
    const asked = mail.letters.slice(before).filter(isAskedFor);
    expect(asked.map(({ mail: { subject } }) => subject)).toEqual([
      'Phlix Hub: Is this your address?',
    ]);
  });

  test('is asked for five times in five minutes from one address', async () => {
    const answers = [];
    for (const name of ['ann', 'bob', 'cat']) {
      await admin.invite(name, 'member');
      await post(new ApiClient(hub), '/auth/password/forgotten', { username: name }, '192.0.2.8');
    }
    for (let times = 0; times < 4; times++) {
      const username = `somebody${times}`;
      answers.push(
        await post(new ApiClient(hub), '/auth/password/forgotten', { username }, '192.0.2.8'),
      );
    }
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 429, 429]);
  });
});

describe('a forgotten password', () => {
  test('is answered alike for everybody', async () => {
    const answers = [];
    for (const name of ['olga', 'nobody', 'nobody@example.org', 'ann', 'x\r\n', 'a\u0000b'])
      answers.push(await forget(name));
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204, 400, 400]);
    expect(answers.slice(0, 4).map(({ text }) => text)).toEqual(['', '', '', '']);
    expect(new Set(answers.slice(0, 4).map((each) => namesOf(each).join())).size).toBe(1);
  });

  test('is followed by another, once, and the second factor is asked for as before', async () => {
    const text = await letterOf('kim@example.org', async () => forget('kim'));
    expect(text).toContain(`${hub.url}/reset-password#`);
    const token = secretIn(text);
    expect((await choose('A'.repeat(43))).json['code']).toBe('account.link');
    expect((await choose(token, 'short')).json['code']).toBe('account.password-weak');
    const outcomes = await Promise.all([1, 2, 3].map(async () => choose(token)));
    const statuses = outcomes.map(({ status }) => status);
    expect(statuses.toSorted((one, other) => one - other)).toEqual([204, 403, 403]);
    for (const { setCookies } of outcomes) expect(setCookies).toEqual([]);
    expect((await signIn('kim'))[1].status).toBe(401);
    const [kim, step] = await signIn('kim', nextPassword);
    expect(step.json).toMatchObject({ kind: 'factor', methods: ['totp'] });
    expect((await kim.ask('GET', '/api/v1/account')).status).toBe(401);
  });

  test('ends what was signed in with the former one', async () => {
    expect((await olga.ask('GET', '/api/v1/account')).status).toBe(200);
    const token = secretIn(await letterOf('olga@example.org', async () => forget('olga')));
    expect((await choose(token)).status).toBe(204);
    expect((await olga.ask('GET', '/api/v1/account')).status).toBe(401);
  });

  test('of an admin who has nothing else is nobody’s to replace by mail', async () => {
    const before = mail.letters.length;
    expect((await forget('ada')).status).toBe(204);
    await expect.poll(async () => (await eventCounts())['password-asked']).toBeGreaterThan(10);
    expect(mail.letters.slice(before).filter(isAskedFor)).toEqual([]);
  });
});

describe('what was mailed', () => {
  test('is counted, and stands in the audit log', async () => {
    expect(Object.keys(await eventCounts())).toEqual(
      expect.arrayContaining([
        'code-sent',
        'link-sent',
        'email-verified',
        'password-asked',
        'password-reset',
        'letter-refused',
      ]),
    );
    const { stdout } = await hub.run('audit', 'list', '--json', '--limit', '500');
    for (const event of [
      'mfa.code-sent',
      'account.email-verified',
      'login.reset-asked',
      'login.reset-done',
    ])
      expect(stdout).toContain(event);
    for (const canary of canaries) expect(stdout).not.toContain(canary);
  });

  test('stands in no log', () => {
    expect(canaries.length).toBeGreaterThan(8);
    const said = hub.program.output;
    // Six digits are found in any time stamp: a code would stand alone.
    for (const canary of canaries)
      expect(said).not.toMatch(new RegExp(`(?<![\\d.])${canary}(?![\\d.])`));
    expect(said).not.toContain('olga@example.org');
  });
});

describe('a mail server without STARTTLS', () => {
  test('gets no code, and the one who asked the same answer as ever', async () => {
    const careless = await startMailServer({
      login: { user: 'hub', password: smtpPassword },
      hideSTARTTLS: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
    });
    await hub.stop();
    hub = await HubProcess.start({
      folder: hub.folder,
      settings: settingsFor(careless),
      onLine: (line) => lines.push(line),
    });
    const [browser, step] = await signIn('olga', nextPassword);
    expect(step.json).toMatchObject({ methods: ['email'] });
    const former = (await eventCounts())['letter-failed'] ?? 0;
    const answer = await post(browser, '/auth/mfa/email/send');
    expect([204, 429]).toContain(answer.status);
    await post(new ApiClient(hub), '/auth/password/forgotten', { username: 'olga' });
    await expect
      .poll(async () => (await eventCounts())['letter-failed'], { timeout: 20_000 })
      .toBeGreaterThan(former);
    expect(careless.letters).toEqual([]);
    expect(lines.filter((line) => line.includes('mail.insecure')).length).toBeGreaterThan(0);
    await careless.stop();
  }, 90_000);
});
