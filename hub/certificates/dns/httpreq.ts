// TXT records arrive; an HTTP endpoint of the operator's puts them where they belong. Paths and bodies are those of lego's `httpreq`.

import { Buffer } from 'node:buffer';

import { DnsError } from './failure.ts';
import { HttpApi, type ApiRequest } from './http-api.ts';
import { proofOf, type DnsProvider, type TxtRecord } from './provider.ts';
import type { HttpreqSettings } from './provider-settings.ts';

export class Httpreq implements DnsProvider {
  readonly name = 'httpreq';
  readonly #api: HttpApi;
  readonly #isRaw: boolean;

  constructor({ url, user, password, isRaw = false }: HttpreqSettings) {
    const authorization = basicAuthorization(user, password?.reveal());
    this.#isRaw = isRaw;
    this.#api = new HttpApi({
      provider: 'DNS hook',
      baseUrl: url.href,
      headers: () => ({ ...authorization, 'content-type': 'application/json' }),
      // Whatever the endpoint says is its own words.
      reasonIn: (text) => text,
      credential: 'the user and password of the DNS hook',
    });
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#post('/present', record, signal);
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#post('/cleanup', record, signal);
  }

  async #post(path: string, record: TxtRecord, signal: AbortSignal): Promise<void> {
    const request: ApiRequest = { method: 'POST', path, body: JSON.stringify(this.#body(record)) };
    const { status, text } = await this.#api.send(request, signal);
    if (status >= 200 && status < 300) return;
    if (status === 401 || status === 403) throw this.#api.refusal(request, { status, text });
    const said = text.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
    const message = `The DNS hook answers ${path} with HTTP ${status}${said === '' ? '' : `: ${said}`}; see its log.`;
    throw new DnsError('dns.hook-failed', message);
  }

  #body(record: TxtRecord): Record<string, string> {
    if (!this.#isRaw) return { fqdn: `${record.name}.`, value: record.value };
    const { domain, token, keyAuthorization } = proofOf(record);
    return { domain, token, keyAuth: keyAuthorization };
  }
}

function basicAuthorization(
  user: string | undefined,
  password: string | undefined,
): { authorization?: string } {
  if (user === undefined || password === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
