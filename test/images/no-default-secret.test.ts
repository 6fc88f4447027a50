// Everything that people copy (guides, compose files, manifests, scripts, Dockerfiles) is searched for secrets: security row E-21.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copied = [
  ...globSync('infra/**/*.{yaml,yml,sh,md,conf,service,env,ini,json,toml}', { cwd: root }),
  ...globSync('infra/**/.env*', { cwd: root }),
  ...globSync('{README,SECURITY}.md', { cwd: root }),
  ...globSync('{hub,agent,shared}/**/*.md', { cwd: root }),
  'Dockerfile.hub',
  'Dockerfile.agent',
];

/** A name that holds a secret, and what it is set to. */
const assignment =
  /\b([A-Z0-9_]*(?:PASSWORD|PASSPHRASE|SECRET|TOKEN|_KEY|HMAC)[A-Z0-9_]*)["']?\s*[=:]\s*["']?([^\s"'`|)]*)/gi;
/** Where one lies, who gives it, or that it is left out; not what it is. */
const harmless =
  /^$|^[$<{(\\/]|^\.{0,2}\/|^\.\.\.|\.\.\.$|^(new|former|true|false|none|string|required|file|env|from|key)\b/i;

test('no secret stands where people copy from', () => {
  expect(copied).toContain('infra/compose.yaml');
  expect(copied).toContain('infra/.env.example');
  const found = copied.flatMap((path) => {
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    return lines.flatMap((line, index) =>
      [...line.matchAll(assignment)]
        .filter(([, name = '', value = '']) => isLiteral(name, value))
        .map(([text]) => `${path}:${index + 1}: ${text}`),
    );
  });
  expect(found).toEqual([]);
});

test('no address of a database has a password in it', () => {
  // The word itself stands for one, and the hub refuses it.
  const found = copied.filter((path) =>
    /postgres(?:ql)?:\/\/[^:/\s]+:(?!password@|\$)[^@\s]+@/i.test(
      readFileSync(join(root, path), 'utf8'),
    ),
  );
  expect(found).toEqual([]);
});

test('the search finds one', () => {
  const planted = 'HUB_SECRET_KEY=8f3c1d9e\n  POSTGRES_PASSWORD: phlix';
  const names = [...planted.matchAll(assignment)].filter(([, name = '', value = '']) =>
    isLiteral(name, value),
  );
  expect(names).toHaveLength(2);
});

/** Settings are written in capitals; prose and fields of JSON are not. */
function isLiteral(name: string, value: string): boolean {
  if (name !== name.toUpperCase() || /_(FILE|DIR)$/.test(name)) return false;
  return !harmless.test(value);
}
