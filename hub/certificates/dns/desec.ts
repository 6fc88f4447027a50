// TXT records arrive; a domain at deSEC has them. Facts: desec.readthedocs.io, "Retrieving and Creating DNS Records".

import { z } from 'zod';

import { DnsError } from './failure.ts';
import { fieldText, HttpApi, parseJson, type ApiRequest } from './http-api.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { DesecSettings } from './provider-settings.ts';
import { holdsTxt, isPlainName, nameInZone, quoteTxt, zoneUnknown } from './zone-name.ts';

const label = 'deSEC';
const domainList = z.array(z.object({ name: z.string(), minimum_ttl: z.number().optional() }));
const recordSet = z.object({ ttl: z.number(), records: z.array(z.string()) });
const refusalBody = z.object({ detail: z.string() });
/** Of a bulk request: one object of field to complaints for each set. */
const complaints = z.array(z.record(z.string(), z.array(z.string())));

/** What deSEC allows everybody, should a domain not say. */
const usualMinimumTtl = 3600;
/** A set is written whole, so two writers can undo each other; each looks again until its value stays. */
const maxRewrites = 5;

interface SetPlace {
  readonly domain: string;
  readonly subname: string;
  readonly minimumTtl: number;
}

export class Desec implements DnsProvider {
  readonly name = 'desec';
  readonly #api: HttpApi;
  /** One change of a set at a time in this process. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ token, baseUrl = 'https://desec.io/api/v1' }: DesecSettings) {
    const text = fieldText(token, 'the deSEC token');
    this.#api = new HttpApi({
      provider: label,
      baseUrl,
      headers: () => ({ authorization: `Token ${text}`, 'content-type': 'application/json' }),
      reasonIn,
      credential: 'the deSEC token (its policies must allow TXT records of the domain)',
    });
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => this.#settle(record, true, signal));
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => this.#settle(record, false, signal));
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #settle(record: TxtRecord, isWanted: boolean, signal: AbortSignal): Promise<void> {
    const place = await this.#placeOf(record.name, signal);
    for (let writes = 0; writes <= maxRewrites; writes += 1) {
      const { ttl, records } = await this.#read(place, signal);
      const others = records.filter((content) => !holdsTxt(content, record.value));
      if (others.length < records.length === isWanted) return;
      const next = isWanted ? [...others, quoteTxt(record.value)] : others;
      await this.#write(place, next, ttl, signal);
    }
    const message = `Something else keeps overwriting the TXT records of ${record.name} at deSEC; end the other program, or give it another name by CNAME.`;
    throw new DnsError('dns.rejected', message);
  }

  async #placeOf(name: string, signal: AbortSignal): Promise<SetPlace> {
    if (!isPlainName(name)) throw zoneUnknown(label, name);
    const request: ApiRequest = { method: 'GET', path: '/domains/', query: { owns_qname: name } };
    const [domain] = await this.#api.json(request, domainList, signal);
    if (domain === undefined) throw zoneUnknown(label, name);
    const minimumTtl = domain.minimum_ttl ?? usualMinimumTtl;
    return { domain: domain.name, subname: nameInZone(name, domain.name), minimumTtl };
  }

  async #read(
    { domain, subname, minimumTtl }: SetPlace,
    signal: AbortSignal,
  ): Promise<z.output<typeof recordSet>> {
    const request: ApiRequest = {
      method: 'GET',
      path: `/domains/${domain}/rrsets/${subname}/TXT/`,
    };
    const answer = await this.#api.send(request, signal);
    const isAbsent = answer.status === 404 && reasonIn(answer.text) !== undefined;
    if (isAbsent) return { ttl: minimumTtl, records: [] };
    if (answer.status !== 200) throw this.#api.refusal(request, answer);
    return this.#api.read(answer, recordSet);
  }

  /** In bulk form, which makes, changes and (without records) deletes alike. */
  async #write(
    { domain, subname }: SetPlace,
    records: readonly string[],
    ttl: number,
    signal: AbortSignal,
  ): Promise<void> {
    const set = { subname: subname === '@' ? '' : subname, type: 'TXT', ttl, records };
    const body = JSON.stringify([set]);
    const request: ApiRequest = { method: 'PATCH', path: `/domains/${domain}/rrsets/`, body };
    await this.#api.json(request, z.array(z.unknown()), signal);
  }
}

function reasonIn(text: string): string | undefined {
  const body = parseJson(text);
  const detail = refusalBody.safeParse(body).data?.detail;
  if (detail !== undefined) return detail;
  const found = complaints.safeParse(body).data?.flatMap((fields) => Object.values(fields).flat());
  return found === undefined || found.length === 0 ? undefined : found.join(' ');
}
