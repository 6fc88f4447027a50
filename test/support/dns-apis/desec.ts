// Requests for deSEC's API arrive; what that API answers leaves: record sets written whole, in bulk, with a shortest time to live.

import { Secret } from '../../../shared/settings/secret.ts';
import {
  fullName,
  startLocalApi,
  withoutQuotes,
  zones,
  type ApiReply,
  type DnsApi,
} from './local-api.ts';

const token = 'desec-token-0123456789';
const minimumTtl = 3600;

interface WrittenSet {
  readonly subname: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: string[];
}

export async function startDesec(): Promise<DnsApi> {
  const sets = new Map<string, { ttl: number; records: string[] }>();
  const api = await startLocalApi((call) => {
    if (call.headers.authorization !== `Token ${token}`)
      return { status: 401, body: { detail: 'Invalid token.' } };
    if (call.path === '/domains/') {
      const name = call.query.get('owns_qname') ?? '';
      const owner = zones
        .filter((zone) => name === zone || name.endsWith(`.${zone}`))
        .toSorted((a, b) => b.length - a.length)[0];
      return {
        status: 200,
        body: owner === undefined ? [] : [{ name: owner, minimum_ttl: minimumTtl }],
      };
    }
    const [, zone = '', subname, type] =
      /^\/domains\/([^/]+)\/rrsets\/(?:([^/]+)\/([A-Z]+)\/)?$/.exec(call.path) ?? [];
    if (!zones.includes(zone)) return notFound;
    if (call.method === 'GET') {
      const set = sets.get(`${zone} ${fullName(subname ?? '', zone)}`);
      if (set === undefined || type !== 'TXT') return notFound;
      return { status: 200, body: { domain: zone, subname, type, ...set } };
    }
    const written = JSON.parse(call.body) as WrittenSet[];
    if (written.some(({ ttl }) => ttl < minimumTtl)) {
      return {
        status: 400,
        body: [{ ttl: [`Ensure this value is greater than or equal to ${minimumTtl}.`] }],
      };
    }
    for (const { subname: sub, ttl, records } of written) {
      if (records.some((record) => !/^".*"$/.test(record)))
        return { status: 400, body: [{ records: ['Record content malformed.'] }] };
      const key = `${zone} ${fullName(sub, zone)}`;
      if (records.length === 0) sets.delete(key);
      else sets.set(key, { ttl, records });
    }
    return { status: 200, body: written.filter(({ records }) => records.length > 0) };
  });
  return {
    ...api,
    name: 'desec',
    settings: (credential = token) => ({
      kind: 'desec',
      token: new Secret(credential),
      baseUrl: api.url,
    }),
    values: (zone, name) => (sets.get(`${zone} ${name}`)?.records ?? []).map(withoutQuotes),
    seed: (zone, name, value) => {
      const records = [...(sets.get(`${zone} ${name}`)?.records ?? []), `"${value}"`];
      sets.set(`${zone} ${name}`, { ttl: 7200, records });
    },
  };
}

const notFound: ApiReply = { status: 404, body: { detail: 'Not found.' } };
