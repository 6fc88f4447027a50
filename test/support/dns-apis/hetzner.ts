// Requests for Hetzner's Cloud API arrive; what that API answers leaves: record sets, and changes that run on as actions.

import { Secret } from '../../../shared/settings/secret.ts';
import {
  fullName,
  startLocalApi,
  withoutQuotes,
  zones,
  type ApiReply,
  type DnsApi,
} from './local-api.ts';

const token = 'hcloud-token-0123456789';

export async function startHetzner(): Promise<DnsApi> {
  /** `zone name` -> quoted values. */
  const sets = new Map<string, string[]>();
  const running = new Map<number, () => void>();
  let nextAction = 1;
  const begin = (change: () => void): ApiReply => {
    const id = nextAction;
    nextAction += 1;
    running.set(id, change);
    return action(201, id, 'running');
  };
  const api = await startLocalApi((call) => {
    if (call.headers.authorization !== `Bearer ${token}`)
      return refusal(401, 'unauthorized', 'unable to authenticate');
    if (call.path === '/zones') {
      const found = zones.filter((zone) => zone === call.query.get('name'));
      const shown = found.map((name) => ({
        id: zones.indexOf(name) + 1,
        name,
        mode: 'primary',
        status: 'ok',
      }));
      return {
        status: 200,
        body: { zones: shown, meta: { pagination: { page: 1, last_page: 1 } } },
      };
    }
    const [, actionId] = /^\/actions\/(\d+)$/.exec(call.path) ?? [];
    if (actionId !== undefined) {
      running.get(Number(actionId))?.();
      running.delete(Number(actionId));
      return action(200, Number(actionId), 'success');
    }
    const [, zoneId, name = '', verb] =
      /^\/zones\/(\d+)\/rrsets\/([^/]+)\/TXT(?:\/actions\/(\w+))?$/.exec(call.path) ?? [];
    const zone = zones[Number(zoneId) - 1];
    if (zone === undefined) return refusal(404, 'not_found', 'zone not found');
    const key = `${zone} ${fullName(name, zone)}`;
    const set = sets.get(key);
    if (verb === undefined) {
      if (set === undefined) return refusal(404, 'not_found', 'RRSet not found');
      const shown = set.map((value) => ({ value, comment: '' }));
      return {
        status: 200,
        body: {
          rrset: {
            id: `${name}/TXT`,
            name,
            type: 'TXT',
            ttl: 60,
            records: shown,
            zone: Number(zoneId),
          },
        },
      };
    }
    const { records, ttl } = JSON.parse(call.body) as {
      records: { value: string }[];
      ttl?: number;
    };
    const values = records.map(({ value }) => value);
    if (verb === 'add_records') {
      if (set !== undefined && ttl !== undefined && ttl !== 60)
        return refusal(422, 'invalid_input', 'ttl differs');
      if (values.some((value) => !/^".*"$/.test(value)))
        return refusal(422, 'invalid_input', 'invalid TXT record');
      if (values.some((value) => set?.includes(value)))
        return refusal(409, 'uniqueness_error', 'record exists');
      return begin(() => sets.set(key, [...(sets.get(key) ?? []), ...values]));
    }
    if (set === undefined) return refusal(404, 'not_found', 'RRSet not found');
    return begin(() => {
      const left = (sets.get(key) ?? []).filter((value) => !values.includes(value));
      if (left.length === 0) sets.delete(key);
      else sets.set(key, left);
    });
  });
  return {
    ...api,
    name: 'hetzner',
    settings: (credential = token) => ({
      kind: 'hetzner',
      api: 'cloud',
      token: new Secret(credential),
      baseUrl: api.url,
    }),
    values: (zone, name) => (sets.get(`${zone} ${name}`) ?? []).map(withoutQuotes),
    seed: (zone, name, value) => {
      sets.set(`${zone} ${name}`, [...(sets.get(`${zone} ${name}`) ?? []), `"${value}"`]);
    },
  };
}

function action(status: number, id: number, state: string): ApiReply {
  return {
    status,
    body: { action: { id, command: 'change_rrset', status: state, progress: 50, error: null } },
  };
}

function refusal(status: number, code: string, message: string): ApiReply {
  return { status, body: { error: { code, message, details: {} } } };
}
