// TXT records arrive; a zone at Cloudflare has them. Facts: developers.cloudflare.com/api, "Zones" and "DNS Records".

import { z } from 'zod';

import { DnsError } from './failure.ts';
import { fieldText, HttpApi, parseJson, type ApiRequest } from './http-api.ts';
import { ListedRecords, type ListedRecord, type RecordList } from './listed-records.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { CloudflareSettings } from './provider-settings.ts';
import { findZone, quoteTxt } from './zone-name.ts';

export function openCloudflare(settings: CloudflareSettings): DnsProvider {
  return new ListedRecords(new CloudflareRecords(settings));
}

const label = 'Cloudflare';
const failures = z.array(z.object({ code: z.number(), message: z.string() }));
const envelope = z.object({ success: z.boolean(), errors: failures.nullish() });
const zoneList = z.object({
  result: z.array(z.object({ id: z.string(), name: z.string(), status: z.string().optional() })),
});
const recordList = z.object({
  result: z.array(z.object({ id: z.string(), content: z.string() })),
  result_info: z.object({ total_pages: z.number().optional() }).nullish(),
});
const madeRecord = z.object({ result: z.object({ id: z.string() }) });

/** Headers that cannot be read, tokens that do not exist or have ended. */
const unknownTokenCodes = [1000, 6003, 6111, 9109, 10_001];
/** The record, or an identical one, exists. */
const existsCodes = [81_057, 81_058];
const pageSize = 100;
/** The shortest that all plans may have. */
const ttlSeconds = 60;
/** A name of a proof has a handful of values. */
const maxPages = 50;

class CloudflareRecords implements RecordList<string> {
  readonly name = 'cloudflare';
  readonly #api: HttpApi;

  constructor({ token, baseUrl = 'https://api.cloudflare.com/client/v4' }: CloudflareSettings) {
    const text = fieldText(token, 'the Cloudflare API token');
    this.#api = new HttpApi({
      provider: label,
      baseUrl,
      headers: () => ({ authorization: `Bearer ${text}`, 'content-type': 'application/json' }),
      reasonIn: (body) =>
        failuresIn(body)
          .map(({ code, message }) => `${message} (${code})`)
          .join(', ') || undefined,
      isUnknownCredential: (body) =>
        failuresIn(body).some(({ code }) => unknownTokenCodes.includes(code)),
      credential: 'the Cloudflare API token (permissions Zone / Zone / Read and Zone / DNS / Edit)',
    });
  }

  async zoneOf(name: string, signal: AbortSignal): Promise<string> {
    return findZone(label, name, async (candidate) => {
      const query = { name: candidate, per_page: '50' };
      const { result } = await this.#call(
        { method: 'GET', path: '/zones', query },
        zoneList,
        signal,
      );
      const zones = result.filter((zone) => zone.name === candidate);
      // The same domain may wait, unconfirmed, in the account of somebody else who shares the token's view.
      return (zones.find(({ status }) => status === 'active') ?? zones[0])?.id;
    });
  }

  async list(zone: string, name: string, signal: AbortSignal): Promise<ListedRecord[]> {
    const found: ListedRecord[] = [];
    for (let page = 1; page <= maxPages; page += 1) {
      const query = { type: 'TXT', name, per_page: String(pageSize), page: String(page) };
      const request: ApiRequest = { method: 'GET', path: pathOf(zone), query };
      const { result, result_info: paging } = await this.#call(request, recordList, signal);
      found.push(...result);
      if (page >= (paging?.total_pages ?? 1)) break;
    }
    return found;
  }

  async create(zone: string, record: TxtRecord, signal: AbortSignal): Promise<string | undefined> {
    const content = quoteTxt(record.value);
    const body = JSON.stringify({ type: 'TXT', name: record.name, content, ttl: ttlSeconds });
    const request: ApiRequest = { method: 'POST', path: pathOf(zone), body };
    const answer = await this.#api.send(request, signal);
    if (failuresIn(answer.text).some(({ code }) => existsCodes.includes(code))) return undefined;
    if (answer.status !== 200) throw this.#api.refusal(request, answer);
    return this.#api.read(answer, madeRecord).result.id;
  }

  async delete(zone: string, id: string, signal: AbortSignal): Promise<void> {
    const request: ApiRequest = {
      method: 'DELETE',
      path: `${pathOf(zone)}/${encodeURIComponent(id)}`,
    };
    const answer = await this.#api.send(request, signal);
    if (answer.status !== 200 && answer.status !== 404) throw this.#api.refusal(request, answer);
    this.#api.read(answer, envelope);
  }

  /** Some failures come with HTTP 200. */
  async #call<Schema extends z.ZodType>(
    request: ApiRequest,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    const answer = await this.#api.send(request, signal);
    if (answer.status !== 200) throw this.#api.refusal(request, answer);
    const { success, errors } = this.#api.read(answer, envelope);
    if (!success) {
      const said = (errors ?? []).map(({ message }) => message).join(', ');
      throw new DnsError(
        'dns.rejected',
        `Cloudflare refused ${request.method} ${request.path} (${said}).`,
      );
    }
    return this.#api.read(answer, schema);
  }
}

function pathOf(zone: string): string {
  return `/zones/${encodeURIComponent(zone)}/dns_records`;
}

function failuresIn(text: string): z.output<typeof failures> {
  return envelope.safeParse(parseJson(text)).data?.errors ?? [];
}
