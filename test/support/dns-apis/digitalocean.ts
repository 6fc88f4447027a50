// Requests for DigitalOcean's API arrive; what that API answers leaves: domains, numbered records, links to the next page.

import { Secret } from '../../../shared/settings/secret.ts';
import {
  fullName,
  othersRecords,
  relativeName,
  startLocalApi,
  zones,
  type ApiCall,
  type ApiReply,
  type DnsApi,
  type KeptRecord,
} from './local-api.ts';

const token = 'dop_v1_0123456789';

export async function startDigitalOcean(): Promise<DnsApi> {
  let records: KeptRecord[] = othersRecords(200);
  let nextId = 1;
  const api = await startLocalApi((call) => {
    if (call.headers.authorization !== `Bearer ${token}`) {
      return { status: 401, body: { id: 'unauthorized', message: 'Unable to authenticate you' } };
    }
    const [, zone = '', , id] =
      /^\/domains\/([^/]+)(\/records(?:\/(\d+))?)?$/.exec(call.path) ?? [];
    if (!zones.includes(zone)) return notFound;
    if (!call.path.includes('/records'))
      return { status: 200, body: { domain: { name: zone, ttl: 1800 } } };
    if (call.method === 'GET') return page(call, zone, records, api.url);
    if (call.method === 'POST') {
      const { type, name, data, ttl } = JSON.parse(call.body) as {
        type: string;
        name: string;
        data: string;
        ttl: number;
      };
      if (ttl < 30)
        return { status: 422, body: { id: 'unprocessable_entity', message: 'TTL too low' } };
      const record = { id: `${nextId}`, zone, name: fullName(name, zone), type, content: data };
      nextId += 1;
      records.push(record);
      return { status: 201, body: { domain_record: shown(record) } };
    }
    if (!records.some((record) => record.id === id)) return notFound;
    records = records.filter((record) => record.id !== id);
    return { status: 204 };
  });
  return {
    ...api,
    name: 'digitalocean',
    settings: (credential = token) => ({
      kind: 'digitalocean',
      token: new Secret(credential),
      baseUrl: api.url,
    }),
    values: (zone, name) =>
      records
        .filter((r) => r.zone === zone && r.name === name && r.type === 'TXT')
        .map((r) => r.content),
    seed: (zone, name, value) => {
      records.push({ id: `${500_000 + records.length}`, zone, name, type: 'TXT', content: value });
    },
  };
}

const notFound: ApiReply = {
  status: 404,
  body: { id: 'not_found', message: 'The resource you were accessing could not be found.' },
};

function page(call: ApiCall, zone: string, records: readonly KeptRecord[], url: string): ApiReply {
  const { query } = call;
  const matching = records.filter(
    (r) =>
      r.zone === zone &&
      (query.get('type') === null || r.type === query.get('type')) &&
      (query.get('name') === null || r.name === query.get('name')),
  );
  const perPage = Number(query.get('per_page') ?? 20);
  const number = Number(query.get('page') ?? 1);
  const isLast = number * perPage >= matching.length;
  const next = `${url}/domains/${zone}/records?page=${number + 1}&per_page=${perPage}`;
  const found = matching.slice((number - 1) * perPage, number * perPage).map(shown);
  const links = isLast ? {} : { pages: { next, last: next } };
  return { status: 200, body: { domain_records: found, links, meta: { total: matching.length } } };
}

function shown({ id, zone, name, type, content }: KeptRecord) {
  return {
    id: Number(id),
    type,
    name: relativeName(name, zone),
    data: content,
    ttl: 30,
    priority: null,
  };
}
