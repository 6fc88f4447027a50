import { describe, expect, test } from 'vitest';

import type { Caller } from '../../accounts/caller.ts';
import { apiDocument } from '../document.ts';
import { operations } from '../operations.ts';
import { requireStepUp } from './admission.ts';
import { openApiDocument } from './document.ts';
import type { AnyInput } from './input.ts';
import type { Operation } from './operation.ts';

const mutating = operations.filter(({ method }) => method !== 'get');
const named = (all: readonly { readonly id: string }[]) => all.map(({ id }) => id);

/** Whoever ends a login or a token of his own must not be kept from it by a factor that was stolen with it. */
const protecting: ReadonlySet<string> = new Set([
  'tokens.revoke',
  'trusted-browsers.revoke',
  'trusted-browsers.revoke-all',
  'logins.end',
  'logins.end-others',
]);

interface Described {
  readonly operationId: string;
  readonly security: readonly Record<string, readonly string[]>[];
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly [extension: `x-${string}`]: string;
}

const document = openApiDocument(operations) as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
};

describe('every operation', () => {
  test('has a name and an address of its own', () => {
    const addresses = operations.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(addresses).size).toBe(operations.length);
    expect(new Set(named(operations)).size).toBe(operations.length);
    // Two parameters of other names at one place are one route.
    const shapes = operations.map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`,
    );
    expect(new Set(shapes).size).toBe(operations.length);
  });

  test('declares each parameter of its path, and no other', () => {
    for (const { id, path, params } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([id, Object.keys(params?.shape ?? {})]).toEqual([id, inPath]);
    }
  });

  test('says who may call it, with which scope, and what it wants proved', () => {
    for (const { id, auth, scope, stepUp } of operations) {
      expect([id, typeof auth, typeof scope, typeof stepUp]).toEqual([
        id,
        'string',
        'string',
        'string',
      ]);
    }
  });

  test('for admins lies below /admin, and nothing else does', () => {
    const below = operations.filter(({ path }) => path.startsWith('/admin/'));
    const forAdmins = operations.filter(({ auth }) => auth === 'admin');
    expect(named(below)).toEqual(named(forAdmins));
  });

  test('that answers with bytes is a question, and says of JSON what is in it', () => {
    const special = operations.filter(({ produces }) => produces !== undefined);
    expect(named(special.filter(({ method }) => method !== 'get'))).toEqual([]);
    const json = special.filter(({ produces }) => produces === 'application/json');
    expect(json.length).toBeGreaterThan(1);
    expect(named(json.filter(({ response }) => response === undefined))).toEqual([]);
  });
});

describe('an operation that changes something', () => {
  test('and destroys is closed to tokens', () => {
    const destructive = operations.filter(({ stepUp }) => stepUp === 'destructive');
    expect(destructive.length).toBeGreaterThan(1);
    expect(named(destructive.filter(({ scope }) => scope !== 'none'))).toEqual([]);
  });

  test('takes a token with a scope to write only', () => {
    const readers = mutating.filter(({ scope }) => scope.endsWith(':read'));
    expect(named(readers)).toEqual([]);
  });

  test('and takes something away wants a proof, unless taking it away is what protects', () => {
    const unproven = mutating.filter(
      ({ method, stepUp }) => method === 'delete' && stepUp === 'none',
    );
    expect(named(unproven).filter((id) => !protecting.has(id))).toEqual([]);
  });
});

describe('the document', () => {
  test('is OpenAPI 3.1 and holds exactly the operations', () => {
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => [operationId, method, path]),
    );
    const declared = operations.map(({ id, method, path }) => [id, method, path]);
    expect(described.toSorted(byText)).toEqual(declared.toSorted(byText));
  });

  test('carries the classes of each', () => {
    for (const { path, method, auth, scope, stepUp } of operations) {
      const described = document.paths[path]?.[method];
      expect(described).toMatchObject({ 'x-auth': auth, 'x-scope': scope, 'x-step-up': stepUp });
      const takesToken = described?.security.some((way) => 'token' in way) === true;
      expect([path, takesToken]).toEqual([path, auth !== 'nobody' && scope !== 'none']);
    }
  });
});

describe('the proof of a step-up', () => {
  test('is a parameter of whatever may ask a login for one, however strict the hub is', async () => {
    const asking = await Promise.all(
      operations.map(async (operation) => {
        let isAsked = false;
        const desk = { require: async () => void (isAsked = true) };
        const caller = { kind: 'login', account: { id: 'a' }, login: {} } as unknown as Caller;
        const input = { params: {}, query: {}, body: {} } as AnyInput;
        await requireStepUp(caller, operation, { input, proof: undefined, desk });
        return isAsked ? [operation.id] : [];
      }),
    );
    expect(named(operations.filter(isDeclared))).toEqual(asking.flat());
    expect(asking.flat()).toEqual(expect.arrayContaining(['servers.revoke', 'bans.add']));
  });

  test('is none of what only reads, nor of what gives one', () => {
    const given = operations.filter(({ path }) => path.startsWith('/auth/'));
    const read = operations.filter(({ method }) => method === 'get');
    expect(named([...given, ...read].filter(isDeclared))).toEqual([]);
  });
});

test('what a reverse proxy asks is in the document that is served', () => {
  const { paths } = apiDocument() as typeof document;
  expect(paths['/verify']?.['get']).toMatchObject({
    'x-scope': 'account:read',
    responses: { 204: expect.anything(), 302: expect.anything(), default: expect.anything() },
  });
});

function isDeclared({ path, method }: Pick<Operation<never>, 'path' | 'method'>): boolean {
  const { parameters = [] } = document.paths[path]?.[method] ?? {};
  return parameters.some(({ in: place, name }) => place === 'header' && name === 'X-Phlix-Step-Up');
}

function byText(a: readonly string[], b: readonly string[]): number {
  return a.join(' ').localeCompare(b.join(' '));
}
