// A watched hub arrives; what people do there with secrets leaves, each secret planted with the answer that told it.

import { parseToken } from '../../hub/accounts/tokens/token-text.ts';
import type { ApiAnswer, ApiClient } from './api-client.ts';
import type { Canaries } from './canaries.ts';
import type { Witness } from './witness.ts';

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

export class SecretErrands {
  readonly #witness: Witness;
  readonly #canaries: Canaries;
  readonly #passwords: { readonly right: string; readonly wrong: string };

  constructor(
    witness: Witness,
    canaries: Canaries,
    passwords: { readonly right: string; readonly wrong: string },
  ) {
    this.#witness = witness;
    this.#canaries = canaries;
    this.#passwords = passwords;
  }

  /** As the proxy in front would tell where it comes from. */
  async post(
    client: ApiClient,
    path: string,
    body: object,
    address = '203.0.113.9',
  ): Promise<ApiAnswer> {
    const headers = { 'x-forwarded-for': address };
    return client.ask('POST', `/api/v1${path}`, { body, headers });
  }

  /** Told once, to whom it is for. */
  told(name: string, answer: ApiAnswer, secret: unknown): string {
    return this.#canaries.plant(name, secret, { toldIn: answer.text });
  }

  /** Signed in with the password, and where it is asked for with a code. */
  async signIn(username: string, proof?: { method: string; code: string }): Promise<ApiClient> {
    const client = this.#witness.client();
    await this.post(client, '/auth/login', { username, password: this.#passwords.right });
    if (proof !== undefined)
      await this.post(client, `/auth/mfa/${proof.method}`, { code: proof.code });
    return client;
  }

  /** Proves with the password, first with a wrong one, and asks again. */
  async proven(
    client: ApiClient,
    [method, path]: readonly [string, string],
    body?: object,
  ): Promise<ApiAnswer> {
    const question = body === undefined ? {} : { body };
    const first = await client.ask(method, `/api/v1${path}`, question);
    if (first.json['code'] !== 'login.step-up') return first;
    const challenge = `/auth/step-up/${String(first.json['challenge_id'])}/password`;
    await this.post(client, challenge, { password: this.#passwords.wrong });
    const answer = await this.post(client, challenge, { password: this.#passwords.right });
    const { proof } = answer.json;
    if (typeof proof !== 'string') return client.ask(method, `/api/v1${path}`, question);
    const headers = { 'x-phlix-step-up': this.told('step-up proof', answer, proof) };
    return client.ask(method, `/api/v1${path}`, { ...question, headers });
  }

  /** By an invitation that is also looked at, used wrongly, and brought a second time. */
  async invite(admin: ApiClient, username: string): Promise<ApiClient> {
    const invited = await this.proven(admin, ['POST', '/admin/invitations'], { role: 'owner' });
    const link = String(invited.json['link']);
    const token = this.told('invitation', invited, link.slice(link.indexOf('#') + 1));
    const guest = this.#witness.client();
    await guest.ask('GET', `/invite?token=${token}`);
    await this.post(guest, '/invitations/look', { token });
    const accept = '/invitations/accept';
    await this.post(guest, accept, { token, username, password: 'short' });
    const wish = { token, username, password: this.#passwords.right };
    require200(await this.post(guest, accept, wish));
    await this.post(this.#witness.client(), accept, { ...wish, username: 'late' });
    return guest;
  }

  async letDeviceIn(admin: ApiClient): Promise<void> {
    const client = { client_id: 'tv-app' };
    const begun = await this.#oauth('device_authorization', client);
    const deviceCode = this.told('device code', begun, begun.json['device_code']);
    const userCode = String(begun.json['user_code']);
    const grant = { grant_type: deviceGrant, ...client };
    // Another's: whoever asks twice within five seconds is told to wait.
    const waiting = await this.#oauth('device_authorization', client);
    const other = this.told('device code', waiting, waiting.json['device_code']);
    await this.#oauth('token', { ...grant, device_code: other });
    await this.post(admin, '/devices/lookup', { user_code: 'BBBB-BBBB' });
    const looked = await this.post(admin, '/devices/lookup', { user_code: userCode });
    const approved = await this.proven(admin, ['POST', '/devices/approve'], {
      user_code: userCode,
    });
    require200(approved);
    // The page shows it beside what waits, so that whoever approves can compare.
    for (const answer of [begun, looked, approved])
      for (const code of [userCode, userCode.replace('-', '')])
        this.told('user code', answer, code);
    const polled = await this.#oauth('token', { ...grant, device_code: deviceCode });
    const token = this.told('device token', polled, polled.json['access_token']);
    this.told('secret of a device token', polled, parseToken(token)?.secret);
    const headers = { authorization: `Bearer ${token}` };
    await this.#witness.client().ask('GET', '/api/v1/servers', { headers });
  }

  async #oauth(path: string, form: Record<string, string>): Promise<ApiAnswer> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const raw = new URLSearchParams(form).toString();
    return this.#witness.client().ask('POST', `/oauth/${path}`, { raw, headers });
  }
}

/** A secret that was refused on its way is no test of what lies behind. */
function require200({ status, text }: ApiAnswer): void {
  if (status !== 200) throw new Error(`${status}: ${text}`);
}
