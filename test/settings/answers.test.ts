import { expect, test } from 'vitest';

import { hostCommand } from '../support/host-command.ts';

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly [part: string]: unknown;
}

interface Answered {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

/** Made for whoever asked, told in this one answer and kept by nobody in clear. */
const toldOnce: Readonly<Record<string, readonly string[]>> = {
  'enrolment-tokens.create': ['token'],
  'tokens.create': ['token'],
  'totp.start': ['secret'],
  // The key of a webhook's signatures, where the hub made it.
  'notices.create': ['secret'],
  'hub-notices.create': ['secret'],
};

/** Facts about secrets, and the hashes by which the audit log holds together. */
const isHarmless = (name: string): boolean => /^(?:is|has|allow)_/.test(name) || name === 'hash';

test('no answer of the API has a place for a secret that somebody gave it (row E-14)', async () => {
  const { stdout } = await hostCommand({})('openapi');
  const { paths, components } = JSON.parse(stdout) as {
    paths: Record<string, Record<string, Answered>>;
    components: { schemas: Record<string, Schema> };
  };
  const named = (part: unknown, seen: readonly string[] = []): string[] => {
    if (typeof part !== 'object' || part === null) return [];
    const { $ref, properties = {} } = part as Schema;
    const name = $ref?.split('/').at(-1);
    if (name !== undefined)
      return seen.includes(name) ? [] : named(components.schemas[name], [...seen, name]);
    const below = Object.values(part).flatMap((value: unknown) => named(value, seen));
    return [...Object.keys(properties), ...below];
  };
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  expect(operations.length).toBeGreaterThan(60);
  const telling = operations.flatMap(({ operationId, responses }) => {
    const secrets = [...new Set(named(responses))].filter(
      (name) =>
        /secret|password|passphrase|token$|private|sealed|hash|hmac/i.test(name) &&
        !isHarmless(name),
    );
    return secrets.length === 0 ? [] : [[operationId, secrets.toSorted()] as const];
  });
  expect(Object.fromEntries(telling)).toEqual(toldOnce);
});
