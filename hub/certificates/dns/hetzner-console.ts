// TXT records arrive; a zone in Hetzner's old DNS console has them. Facts: dns.hetzner.com/api-docs.

import { z } from 'zod';

import { fieldText, HttpApi, parseJson, type ApiRequest } from './http-api.ts';
import { ListedRecords, type ListedRecord, type RecordList } from './listed-records.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { HetznerSettings } from './provider-settings.ts';
import { findZone, nameInZone, quoteTxt } from './zone-name.ts';

type ConsoleSettings = Pick<HetznerSettings, 'baseUrl' | 'token'>;

export function openHetznerConsole(settings: ConsoleSettings): DnsProvider {
  return new ListedRecords(new ConsoleRecords(settings));
}

interface ConsoleZone {
  readonly id: string;
  readonly name: string;
}

const label = 'Hetzner DNS console';
const refusalBody = z.union([
  z.object({ message: z.string() }),
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error),
]);
const zoneList = z.object({ zones: z.array(z.object({ id: z.string(), name: z.string() })) });
const recordList = z.object({
  records: z.array(
    z.object({ id: z.string(), type: z.string(), name: z.string(), value: z.string() }),
  ),
  meta: z.object({ pagination: z.object({ last_page: z.number() }) }).optional(),
});
const madeRecord = z.object({ record: z.object({ id: z.string() }) });

const ttlSeconds = 60;
const pageSize = 100;
const maxPages = 100;

class ConsoleRecords implements RecordList<ConsoleZone> {
  readonly name = 'hetzner';
  readonly #api: HttpApi;

  constructor({ token, baseUrl = 'https://dns.hetzner.com/api/v1' }: ConsoleSettings) {
    const text = fieldText(token, 'the Hetzner DNS token');
    this.#api = new HttpApi({
      provider: label,
      baseUrl,
      headers: () => ({ 'auth-api-token': text, 'content-type': 'application/json' }),
      reasonIn: (body) => refusalBody.safeParse(parseJson(body)).data?.message,
      credential:
        'the Hetzner DNS token (made in the DNS console; tokens of a Cloud project need the cloud API)',
    });
  }

  async zoneOf(name: string, signal: AbortSignal): Promise<ConsoleZone> {
    return findZone(label, name, async (candidate) => {
      const request: ApiRequest = { method: 'GET', path: '/zones', query: { name: candidate } };
      const answer = await this.#api.send(request, signal);
      // An empty list is a 404 here.
      if (answer.status === 404 && parseJson(answer.text) !== undefined) return undefined;
      if (answer.status !== 200) throw this.#api.refusal(request, answer);
      return this.#api.read(answer, zoneList).zones.find((zone) => zone.name === candidate);
    });
  }

  /** The API filters by zone only. */
  async list(zone: ConsoleZone, name: string, signal: AbortSignal): Promise<ListedRecord[]> {
    const found: ListedRecord[] = [];
    const nameHere = nameInZone(name, zone.name);
    for (let page = 1; page <= maxPages; page += 1) {
      const query = { zone_id: zone.id, page: String(page), per_page: String(pageSize) };
      const request: ApiRequest = { method: 'GET', path: '/records', query };
      const { records, meta } = await this.#api.json(request, recordList, signal);
      for (const record of records) {
        const isHere = record.type === 'TXT' && record.name === nameHere;
        if (isHere) found.push({ id: record.id, content: record.value });
      }
      if (page >= (meta?.pagination.last_page ?? 1)) break;
    }
    return found;
  }

  async create(zone: ConsoleZone, record: TxtRecord, signal: AbortSignal): Promise<string> {
    const name = nameInZone(record.name, zone.name);
    const value = quoteTxt(record.value);
    const body = JSON.stringify({ zone_id: zone.id, type: 'TXT', name, value, ttl: ttlSeconds });
    const request: ApiRequest = { method: 'POST', path: '/records', body };
    return (await this.#api.json(request, madeRecord, signal)).record.id;
  }

  async delete(_zone: ConsoleZone, id: string, signal: AbortSignal): Promise<void> {
    const request: ApiRequest = { method: 'DELETE', path: `/records/${encodeURIComponent(id)}` };
    const answer = await this.#api.send(request, signal);
    const isGone =
      answer.status === 200 || (answer.status === 404 && parseJson(answer.text) !== undefined);
    if (!isGone) throw this.#api.refusal(request, answer);
  }
}
