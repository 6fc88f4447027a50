// Requests for Hetzner's old DNS console arrive; what that API answers leaves: records with ids, filtered by zone alone, in pages.

import { Secret } from '../../../shared/settings/secret.ts';
import {
  fullName,
  othersRecords,
  relativeName,
  startLocalApi,
  withoutQuotes,
  zones,
  type DnsApi,
  type KeptRecord,
} from './local-api.ts';

const token = 'console-token-0123456789';

export async function startHetznerConsole(): Promise<DnsApi> {
  let records: KeptRecord[] = othersRecords(100);
  let nextId = 1;
  const api = await startLocalApi((call) => {
    if (call.headers['auth-api-token'] !== token)
      return { status: 401, body: { message: 'Invalid authentication credentials' } };
    if (call.path === '/zones') {
      const found = zones.filter((zone) => zone === call.query.get('name'));
      if (found.length === 0)
        return {
          status: 404,
          body: { zones: [], error: { message: 'zone not found', code: 404 } },
        };
      return {
        status: 200,
        body: { zones: found.map((name) => ({ id: `zone-of-${name}`, name })) },
      };
    }
    if (call.path === '/records' && call.method === 'GET') {
      const matching = records.filter((r) => `zone-of-${r.zone}` === call.query.get('zone_id'));
      const perPage = Number(call.query.get('per_page') ?? 100);
      const page = Number(call.query.get('page') ?? 1);
      const shown = matching.slice((page - 1) * perPage, page * perPage);
      const pagination = {
        page,
        per_page: perPage,
        last_page: Math.max(1, Math.ceil(matching.length / perPage)),
        total_entries: matching.length,
      };
      const found = shown.map((r) => ({
        id: r.id,
        type: r.type,
        name: relativeName(r.name, r.zone),
        value: r.content,
        zone_id: `zone-of-${r.zone}`,
      }));
      return { status: 200, body: { records: found, meta: { pagination } } };
    }
    if (call.path === '/records' && call.method === 'POST') {
      const made = JSON.parse(call.body) as {
        zone_id: string;
        type: string;
        name: string;
        value: string;
      };
      const zone = made.zone_id.replace('zone-of-', '');
      const record = {
        id: `r${nextId}`,
        zone,
        name: fullName(made.name, zone),
        type: made.type,
        content: made.value,
      };
      nextId += 1;
      records.push(record);
      return { status: 200, body: { record: { id: record.id } } };
    }
    const id = call.path.replace('/records/', '');
    if (!records.some((r) => r.id === id))
      return { status: 404, body: { error: { message: 'record not found', code: 404 } } };
    records = records.filter((r) => r.id !== id);
    return { status: 200, body: {} };
  });
  return {
    ...api,
    name: 'hetzner console',
    settings: (credential = token) => ({
      kind: 'hetzner',
      api: 'console',
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
