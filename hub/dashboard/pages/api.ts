// The OpenAPI document of /api/v1 arrives; a page leaves that people can read and search with their browser.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { badge } from '../parts/badge.ts';
import { linkButton } from '../parts/button.ts';
import { card } from '../parts/card.ts';
import type { Content, Markup } from '../parts/markup.ts';
import { copyable } from '../parts/secret.ts';
import { example, type Schema } from './api/example.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema & { readonly description?: string };
}

interface OperationObject {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Contents };
  readonly responses?: Readonly<Record<string, { readonly content?: Contents }>>;
  readonly 'x-auth'?: string;
  readonly 'x-scope'?: string;
  readonly 'x-step-up'?: string;
}

type Contents = Readonly<Record<string, { readonly schema?: Schema }>>;

interface ApiDocument {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

interface Described extends OperationObject {
  readonly method: string;
  readonly path: string;
}

export async function apiPage(context: Context<DashboardEnv>, document: object): Promise<Response> {
  const api = document as ApiDocument;
  const { hubUrl } = context.get('dashboard');
  const schemas = api.components?.schemas ?? {};
  return appPage(context, {
    title: 'API',
    lead: 'Everything that these pages do, a program can do as well.',
    actions: linkButton('OpenAPI 3.1', '/api/v1/openapi.json', { icon: 'download' }),
    body: [
      card({
        title: 'How to call it',
        body: [
          html`<p>
            Make a <a href="/tokens">token</a> and send it as a bearer. Bodies and answers are JSON.
            Lists come in pages: what <code>next_cursor</code> holds is the next page’s
            <code>cursor</code>.
          </p>`,
          copyable(
            'curl',
            'Try it',
            `curl -H "Authorization: Bearer $TOKEN" ${hubUrl}/api/v1/servers`,
          ),
          html`<p>
            What fails answers with <code>application/problem+json</code> (RFC 9457): its
            <code>code</code> stays the same for good, its <code>detail</code> says what to do.
          </p>`,
        ],
      }),
      [...byTag(api)].map(([tag, operations]) =>
        card({
          title: tag.charAt(0).toUpperCase() + tag.slice(1),
          body: html`<div>${operations.map((each) => described(each, schemas))}</div>`,
        }),
      ),
    ],
  });
}

function byTag({ paths = {} }: ApiDocument): Map<string, Described[]> {
  const tags = new Map<string, Described[]>();
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other';
      tags.set(tag, [...(tags.get(tag) ?? []), { ...operation, method, path }]);
    }
  return tags;
}

type Schemas = Readonly<Record<string, Schema>>;

function described(operation: Described, schemas: Schemas): Markup {
  const { operationId, method, path, summary, description, parameters = [] } = operation;
  const { 'x-scope': scope = 'none', 'x-step-up': stepUp = 'none', 'x-auth': auth } = operation;
  return html`<details class="operation" id="${operationId}">
    <summary>
      <span class="method">${method.toUpperCase()}</span>
      <code>/api/v1${path}</code>
      <span class="soft">${summary}</span>
    </summary>
    <div class="operation-body">
      ${description !== undefined && html`<p>${description}</p>`}
      <p class="actions">
        ${auth === 'nobody' ? badge('For everybody') : badge(`For ${audiences[auth ?? ''] ?? auth}`)}
        ${auth !== 'nobody' && (scope === 'none' ? badge('No token can do it', 'warn') : badge(scope, 'accent'))}
        ${stepUp !== 'none' && badge('Asks again who is there', 'warn')}
      </p>
      ${parameters.length > 0 && parameterList(parameters)}
      ${shape(`${operationId}-body`, 'Body', operation.requestBody?.content, schemas)}
      ${shape(`${operationId}-answer`, 'Answer', successOf(operation)?.content, schemas)}
    </div>
  </details>`;
}

const audiences: Readonly<Record<string, string>> = {
  login: 'whoever is signed in',
  owner: 'owners of servers',
  admin: 'admins',
};

function parameterList(parameters: readonly Parameter[]): Markup {
  return html`<dl class="facts">
    ${parameters.map(
      ({ name, schema, required }) =>
        html`<dt><code>${name}</code></dt>
          <dd>
            ${schema?.description ?? schema?.type ?? ''}${required === true ? '' : ' (optional)'}
          </dd>`,
    )}
  </dl>`;
}

function successOf({ responses = {} }: OperationObject): { content?: Contents } | undefined {
  const status = Object.keys(responses).find((each) => each.startsWith('2'));
  return status === undefined ? undefined : responses[status];
}

function shape(
  id: string,
  label: string,
  contents: Contents | undefined,
  schemas: Schemas,
): Content {
  const schema = contents?.['application/json']?.schema;
  if (schema === undefined) return undefined;
  return copyable(
    id.replaceAll('.', '-'),
    label,
    JSON.stringify(example(schema, schemas), undefined, 2),
  );
}
