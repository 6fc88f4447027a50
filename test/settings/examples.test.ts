import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { readToken } from '../../agent/config.ts';
import { isPlaceholder } from '../../shared/settings/secret.ts';
import { SettingsError } from '../../shared/settings/settings.ts';
import { configOf } from './behaviour.ts';
import { root, secretSettings } from './documented.ts';

/** What people copy from: prose, compose files, units, manifests, scripts. */
const examples = globSync(
  ['*.md', 'Dockerfile.*', '{hub,agent,shared,test}/**/*.md', 'infra/**/*', 'infra/**/.*'],
  { cwd: root, exclude: (path) => path.includes('node_modules') },
).filter((path) => !/\.(?:ts|png|mp4|svg)$|quickstart\/demo/.test(path));

const texts = examples.flatMap((path) => {
  try {
    return [{ path, text: readFileSync(join(root, path), 'utf8') }];
  } catch {
    // A folder.
    return [];
  }
});

/** By their names: of this program's secrets, and of whatever stands beside it. */
const secretNames = new RegExp(
  `\\b(${secretSettings.join('|')}|[A-Z][A-Z0-9_]*(?:PASSWORD|PASSPHRASE|SECRET|TOKEN|HEADERS))\\b["']?\\s*[:=]\\s*(.*)$`,
);

interface Written {
  readonly name: string;
  readonly value: string;
  readonly at: string;
}

function writtenIn({ path, text }: { path: string; text: string }): Written[] {
  return text.split('\n').flatMap((line, index): Written[] => {
    const [, name, rest = ''] = secretNames.exec(line) ?? [];
    if (name === undefined) return [];
    // Code ends behind a word: quotes, backticks, comments and further words are not the value's.
    const value = /^["'`]?([^\s"'`]*)/.exec(rest)?.[1] ?? '';
    return [{ name, value, at: `${path}:${index + 1}` }];
  });
}

/** Nothing, another variable, a command, a path, or dots where something belongs. */
const isOpen = (value: string): boolean =>
  value === '' || /^(?:\$|\(|\/|<|\{|\.\.\.|phe_\.\.\.)/.test(value) || value.endsWith('...');

function isRefused({ name, value }: Written): boolean {
  try {
    if (name === 'PHLIX_HUB_ENROLLMENT_TOKEN') readToken({ [name]: value });
    else configOf({ [name]: value });
    return false;
  } catch (error) {
    return (
      error instanceof SettingsError && error.problems.some((problem) => problem.name === name)
    );
  }
}

/** Whoever copies it has a secret that everybody knows. */
function isUsable(one: Written): boolean {
  return !isOpen(one.value) && !isPlaceholder(one.value) && !isRefused(one);
}

describe('no example has a secret in it (row E-21)', () => {
  test('and examples are looked at', () => {
    expect(texts.length).toBeGreaterThan(30);
    expect(texts.map(({ path }) => path)).toContain('infra/compose.yaml');
    const planted = [
      'HUB_SECRET_KEY=Zq8vR2mXk1TnWc5yLb0d3HfGj6sPaEuU',
      'GF_SECURITY_ADMIN_PASSWORD: "kettle7orbit"',
      'HUB_SECRET_KEY_FILE: /run/secrets/key',
      'HUB_SECRET_KEY=new,former',
    ];
    const found = writtenIn({ path: 'compose.yaml', text: planted.join('\n') }).filter(isUsable);
    expect(found.map(({ at }) => at)).toEqual(['compose.yaml:1', 'compose.yaml:2']);
  });

  test('what stands where a secret belongs is open, or the program refuses it', () => {
    expect(texts.flatMap(writtenIn).filter(isUsable)).toEqual([]);
  });

  test.each([
    ['an enrolment token', /phe_[0-9A-Za-z]{8}[\w-]{43}/],
    ['a personal token', /phx_pat_\w{8}_[\w-]{43}/],
    ['a key of age', /AGE-SECRET-KEY-1[0-9A-Z]{20}/],
    ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ])('there is not %s', (_what, pattern) => {
    const found = texts.flatMap(({ path, text }) => (pattern.test(text) ? [path] : []));
    expect(found).toEqual([]);
  });

  test('there is not a password in a URL', () => {
    const found = texts.flatMap(({ path, text }) =>
      [...text.matchAll(/:\/\/[\w.-]+:([^\s@/:]{8,})@/g)].flatMap(([, password = '']) =>
        isOpen(password) || isPlaceholder(password) ? [] : [`${path}: ${password}`],
      ),
    );
    expect(found).toEqual([]);
  });
});
