// TXT records arrive; a domain at DigitalOcean has them. Facts: docs.digitalocean.com/reference/api, "Domains" and "Domain Records".

import { z } from 'zod';

import { fieldText, HttpApi, parseJson, type ApiRequest } from './http-api.ts';
import { ListedRecords, type ListedRecord, type RecordList } from './listed-records.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { DigitalOceanSettings } from './provider-settings.ts';
import { findZone, nameInZone } from './zone-name.ts';

export function openDigitalOcean(settings: DigitalOceanSettings): DnsProvider {
  return new ListedRecords(new DigitalOceanRecords(settings));
}

const label = 'DigitalOcean';
const refusalBody = z.object({ id: z.string(), message: z.string() });
const domainBody = z.object({ domain: z.object({ name: z.string() }) });
const recordList = z.object({
  domain_records: z.array(
    z.object({ id: z.number(), type: z.string(), name: z.string(), data: z.string() }),
  ),
  links: z.object({ pages: z.object({ next: z.string().optional() }).optional() }).optional(),
});
const madeRecord = z.object({ domain_record: z.object({ id: z.number() }) });

/** The shortest that the API takes. */
const ttlSeconds = 30;
const pageSize = 200;
const maxPages = 50;

class DigitalOceanRecords implements RecordList<string> {
  readonly name = 'digitalocean';
  readonly #api: HttpApi;

  constructor({ token, baseUrl = 'https://api.digitalocean.com/v2' }: DigitalOceanSettings) {
    const text = fieldText(token, 'the DigitalOcean token');
    this.#api = new HttpApi({
      provider: label,
      baseUrl,
      headers: () => ({ authorization: `Bearer ${text}`, 'content-type': 'application/json' }),
      reasonIn: (body) => refusalBody.safeParse(parseJson(body)).data?.message,
      credential: 'the DigitalOcean token (scopes domain:read, domain:create, domain:delete)',
    });
  }

  async zoneOf(name: string, signal: AbortSignal): Promise<string> {
    return findZone(label, name, async (candidate) => {
      const request: ApiRequest = { method: 'GET', path: `/domains/${candidate}` };
      const answer = await this.#api.send(request, signal);
      if (answer.status === 404 && refusalBody.safeParse(parseJson(answer.text)).success)
        return undefined;
      if (answer.status !== 200) throw this.#api.refusal(request, answer);
      return this.#api.read(answer, domainBody).domain.name;
    });
  }

  async list(zone: string, name: string, signal: AbortSignal): Promise<ListedRecord[]> {
    const found: ListedRecord[] = [];
    for (let page = 1; page <= maxPages; page += 1) {
      const query = { type: 'TXT', name, per_page: String(pageSize), page: String(page) };
      const request: ApiRequest = { method: 'GET', path: `/domains/${zone}/records`, query };
      const { domain_records: records, links } = await this.#api.json(request, recordList, signal);
      for (const record of records) {
        const isHere = record.type === 'TXT' && record.name === nameInZone(name, zone);
        if (isHere) found.push({ id: String(record.id), content: record.data });
      }
      if (links?.pages?.next === undefined) break;
    }
    return found;
  }

  async create(zone: string, record: TxtRecord, signal: AbortSignal): Promise<string> {
    const name = nameInZone(record.name, zone);
    const body = JSON.stringify({ type: 'TXT', name, data: record.value, ttl: ttlSeconds });
    const request: ApiRequest = { method: 'POST', path: `/domains/${zone}/records`, body };
    return String((await this.#api.json(request, madeRecord, signal)).domain_record.id);
  }

  async delete(zone: string, id: string, signal: AbortSignal): Promise<void> {
    const request: ApiRequest = { method: 'DELETE', path: `/domains/${zone}/records/${id}` };
    const answer = await this.#api.send(request, signal);
    const isGone =
      answer.status === 204 ||
      (answer.status === 404 && refusalBody.safeParse(parseJson(answer.text)).success);
    if (!isGone) throw this.#api.refusal(request, answer);
  }
}
