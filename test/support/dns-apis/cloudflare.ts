// Requests for Cloudflare's API arrive; what that API answers leaves: envelopes, numbered errors, pages.

import { Secret } from '../../../shared/settings/secret.ts';
import {
  othersRecords,
  startLocalApi,
  withoutQuotes,
  zones,
  type ApiCall,
  type ApiReply,
  type DnsApi,
  type KeptRecord,
} from './local-api.ts';

const token = 'cf-token-0123456789';

export async function startCloudflare(): Promise<DnsApi> {
  let records: KeptRecord[] = othersRecords(100);
  let nextId = 1;
  const api = await startLocalApi((call) => {
    if (call.headers.authorization !== `Bearer ${token}`)
      return refusal(403, 9109, 'Invalid access token');
    const [, zoneId, recordId] =
      /^\/zones\/zone-of-([^/]+)\/dns_records(?:\/(.+))?$/.exec(call.path) ?? [];
    if (call.path === '/zones' && call.method === 'GET') return zonesNamed(call);
    if (zoneId === undefined || !zones.includes(zoneId))
      return refusal(404, 7003, 'Could not route');
    if (call.method === 'GET') return page(call, zoneId, records);
    if (call.method === 'POST') {
      const made = JSON.parse(call.body) as {
        type: string;
        name: string;
        content: string;
        ttl: number;
      };
      const twin = records.find((r) => r.name === made.name && r.content === made.content);
      if (twin !== undefined) return refusal(400, 81_058, 'An identical record already exists.');
      if (made.ttl !== 1 && made.ttl < 60) return refusal(400, 9021, 'Invalid TTL.');
      records.push({ ...made, id: `rec${nextId}`, zone: zoneId });
      nextId += 1;
      return success(records.at(-1));
    }
    if (!records.some(({ id }) => id === recordId))
      return refusal(404, 81_044, 'Record does not exist.');
    records = records.filter(({ id }) => id !== recordId);
    return success({ id: recordId });
  });
  return {
    ...api,
    name: 'cloudflare',
    settings: (credential = token) => ({
      kind: 'cloudflare',
      token: new Secret(credential),
      baseUrl: api.url,
    }),
    values: (zone, name) =>
      records
        .filter((r) => r.zone === zone && r.name === name && r.type === 'TXT')
        .map((r) => withoutQuotes(r.content)),
    seed: (zone, name, value) => {
      records.push({ id: `seed${records.length}`, zone, name, type: 'TXT', content: `"${value}"` });
    },
  };
}

function zonesNamed(call: ApiCall): ApiReply {
  const found = zones.filter((zone) => zone === call.query.get('name'));
  return success(found.map((name) => ({ id: `zone-of-${name}`, name, status: 'active' })));
}

function page(call: ApiCall, zone: string, records: readonly KeptRecord[]): ApiReply {
  const matching = records.filter(
    (r) =>
      r.zone === zone && r.type === call.query.get('type') && r.name === call.query.get('name'),
  );
  const perPage = Number(call.query.get('per_page') ?? 100);
  const number = Number(call.query.get('page') ?? 1);
  const result = matching.slice((number - 1) * perPage, number * perPage);
  const paging = {
    page: number,
    per_page: perPage,
    count: result.length,
    total_count: matching.length,
    total_pages: Math.ceil(matching.length / perPage),
  };
  return {
    status: 200,
    body: { success: true, errors: [], messages: [], result, result_info: paging },
  };
}

function success(result: unknown): ApiReply {
  return { status: 200, body: { success: true, errors: [], messages: [], result } };
}

function refusal(status: number, code: number, message: string): ApiReply {
  return {
    status,
    body: { success: false, errors: [{ code, message }], messages: [], result: null },
  };
}
