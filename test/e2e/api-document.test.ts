import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { apiDocument } from '../../hub/api/document.ts';
import { ApiClient } from '../support/api-client.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
}

interface Answered {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, Answered>>;
}

interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

// What a document says on its way: JSON Schema looks for its parts below $defs.
const { paths, components } = JSON.parse(
  JSON.stringify(apiDocument()).replaceAll('#/components/schemas/', '#/$defs/'),
) as ApiDocument;

/** What changes nothing: the router itself holds the JSON of all the rest to its schema, and fails otherwise. */
const questions = Object.entries(paths).flatMap(([path, { get }]) =>
  get === undefined ? [] : [{ ...get, path }],
);

const successOf = ({ responses }: Described) => {
  const [status = '', { content = {} } = {}] =
    Object.entries(responses).find(([each]) => each.startsWith('2')) ?? [];
  const [type, { schema = {} } = {}] = Object.entries(content)[0] ?? [];
  return { status: Number(status), type, schema };
};

let hub: HubProcess;
let origin: Server;
let agent: AgentProcess;
let admin: ApiClient;
let serverId: string;
let accountId: string;

beforeAll(async () => {
  hub = await HubProcess.start({ settings: { HUB_TRUSTED_PROXIES: '127.0.0.1' } });
  origin = createServer((_, response) => response.end('a film'));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  const made = await admin.askProven('POST', '/api/v1/enrolment-tokens', { label: 'films' });
  const { port } = origin.address() as AddressInfo;
  agent = new AgentProcess({ hub, originPort: port, token: String(made.json['token']) });
  await agent.reachable();
  const [server] = (await admin.ask('GET', '/api/v1/servers')).json['items'] as { id: string }[];
  serverId = server?.id ?? '';
  accountId = String((await admin.ask('GET', '/api/v1/account')).json['id']);
}, 180_000);

afterAll(async () => {
  await agent?.stop();
  await hub?.stop();
  origin?.close();
});

const pagesOf = async (path: string, limit: number): Promise<Record<string, unknown>[][]> => {
  const pages: Record<string, unknown>[][] = [];
  let cursor = '';
  do {
    const { status, json } = await admin.ask('GET', `/api/v1${path}?limit=${limit}${cursor}`);
    expect(status).toBe(200);
    pages.push(json['items'] as Record<string, unknown>[]);
    const next = json['next_cursor'] as string | null;
    cursor = next === null ? '' : `&cursor=${next}`;
  } while (cursor !== '');
  return pages;
};

describe('a list that grows with the world', () => {
  test('of bans comes in pages, youngest first, and its page leads on', async () => {
    const networks = Array.from({ length: 52 }, (_, n) => `203.0.113.${n}/32`);
    for (const network of networks)
      await admin.askProven('POST', '/api/v1/admin/bans', { network, seconds: 3600 });
    const pages = await pagesOf('/admin/bans', 25);
    expect(pages.map(({ length }) => length)).toEqual([25, 25, 2]);
    expect(pages.flat().map(({ network }) => network)).toEqual(networks.toReversed());
    const page = await admin.ask('GET', '/admin/bans', { headers: { accept: 'text/html' } });
    const [, next = ''] = /href="(\/admin\/bans\?cursor=[^"]+)"/.exec(page.text) ?? [];
    expect(page.text).not.toContain('203.0.113.0/32');
    expect((await admin.ask('GET', next)).text).toContain('203.0.113.0/32');
  }, 120_000);

  test('of members comes in pages, by name', async () => {
    for (const name of ['Vera', 'adam', 'Mo']) await admin.invite(name, 'member');
    for (const username of ['vera', 'adam', 'mo'])
      await admin.askProven('POST', `/api/v1/servers/${serverId}/members`, { username });
    const members = await pagesOf(`/servers/${serverId}/members`, 1);
    expect(members.map(([member]) => member?.['username'])).toEqual(['adam', 'Mo', 'Vera']);
  }, 120_000);
});

const waiting: Readonly<Record<string, string>> = {
  'X-Forwarded-Method': 'GET',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'films.example.org',
  'X-Forwarded-Uri': '/',
};

/** As a program writes it that has read the document: all that is required, and nothing else. */
function requestOf({ path, parameters = [] }: Described & { path: string }) {
  const required = parameters.filter(({ required }) => required === true);
  const query = required.filter(({ in: place }) => place === 'query').map(({ name }) => name);
  const fields = required.filter(({ in: place }) => place === 'header').map(({ name }) => name);
  expect(query.filter((name) => name !== 'from')).toEqual([]);
  const from = new Date(Date.now() - 86_400_000).toISOString();
  const id = path.startsWith('/admin/users/') ? accountId : serverId;
  return {
    url: `/api/v1${path.replace('{id}', id)}${query.length > 0 ? `?from=${from}` : ''}`,
    headers: Object.fromEntries(fields.map((name) => [name, waiting[name]])),
  };
}

describe('every question of the document', () => {
  test.each(questions)('is answered as it says: $operationId', async (question) => {
    const { url, headers } = requestOf(question);
    const { status, type, schema } = successOf(question);
    const response = await admin.open('GET', url, { headers });
    const answered = response.headers['content-type']?.split(';')[0];
    expect([response.statusCode, answered]).toEqual([status, type]);
    if (type === 'text/event-stream') return void response.destroy();
    let text = '';
    for await (const piece of response.setEncoding('utf8')) text += String(piece);
    const said: unknown = type === 'application/json' ? JSON.parse(text) : text;
    const shape = type === undefined ? { const: '' } : schema;
    const declared = { ...shape, $defs: components.schemas } as never;
    const judged = z.fromJSONSchema(declared).safeParse(said);
    expect(judged.error?.issues ?? []).toEqual([]);
    return undefined;
  });

  test('that is answered with a list takes a cursor where the answer has one', () => {
    const growing = ['bans.list', 'certificates.list', 'members.list', 'login-blocks.list'];
    const lists = questions.filter(({ responses }) =>
      JSON.stringify(responses).includes('"next_cursor"'),
    );
    expect(lists.map(({ operationId }) => operationId)).toEqual(expect.arrayContaining(growing));
    const without = lists.filter(
      ({ parameters = [] }) => !parameters.some(({ name }) => name === 'cursor'),
    );
    expect(without.map(({ operationId }) => operationId)).toEqual([]);
  });
});
