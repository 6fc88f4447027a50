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
    const lists = questions.filter(({ responses }) =>
      JSON.stringify(responses).includes('"next_cursor"'),
    );
    expect(lists.length).toBeGreaterThan(6);
    const without = lists.filter(
      ({ parameters = [] }) => !parameters.some(({ name }) => name === 'cursor'),
    );
    expect(without.map(({ operationId }) => operationId)).toEqual([]);
  });
});
