import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import {
  choice,
  duration,
  durationText,
  flag,
  listenAddress,
  parseDuration,
  path,
  secret,
} from './kinds.ts';
import { isPlaceholder, Secret } from './secret.ts';
import { readSettings, SettingsError, type Environment } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const schema = z.object({
  HUB_COLOUR: choice(['red', 'blue']).default('red'),
  HUB_DRAIN_TIMEOUT: duration(0, 60_000).default(30_000),
  HUB_HTTPS_LISTEN: listenAddress().optional(),
  HUB_PASSPHRASE: secret().optional(),
  HUB_STRICT: flag(),
});

const enough = { HUB_STRICT: '1' };

function problemsOf(environment: Environment): readonly { name: string; remedy: string }[] {
  try {
    readSettings(schema, environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('readSettings', () => {
  test('takes defaults for what is unset or empty, and parses the rest', () => {
    expect(readSettings(schema, { ...enough, HUB_COLOUR: '', HUB_HTTPS_LISTEN: ':8443' })).toEqual({
      HUB_COLOUR: 'red',
      HUB_DRAIN_TIMEOUT: 30_000,
      HUB_HTTPS_LISTEN: { host: undefined, port: 8443 },
      HUB_STRICT: true,
    });
  });

  test('reports every problem at once, each with a remedy', () => {
    const problems = problemsOf({ HUB_COLOUR: 'green', HUB_DRAIN_TIMEOUT: '30', HUB_COLUR: 'red' });
    expect(problems.map(({ name }) => name).sort()).toEqual([
      'HUB_COLOUR',
      'HUB_COLUR',
      'HUB_DRAIN_TIMEOUT',
      'HUB_STRICT',
    ]);
    expect(problems.every(({ remedy }) => remedy !== '')).toBe(true);
  });

  test('asks what was meant by a name within two edits of one of ours', () => {
    expect(problemsOf({ ...enough, HUB_DRIAN_TIMEOUT: '30s' })).toMatchObject([
      { name: 'HUB_DRIAN_TIMEOUT', remedy: 'did you mean HUB_DRAIN_TIMEOUT?' },
    ]);
    expect(problemsOf({ ...enough, HUB_PASPHRASE_FILE: '/x' })).toMatchObject([
      { remedy: 'did you mean HUB_PASSPHRASE_FILE?' },
    ]);
  });

  test('ignores the variables of other programs', () => {
    const foreign = { PATH: '/bin', HUB_SERVICE_HOST: '10.0.0.1', HUB_PORT_443_TCP: 'tcp://x' };
    expect(problemsOf({ ...enough, ...foreign })).toEqual([]);
    // The end of one of ours, and a short name beside a short one of ours.
    expect(problemsOf({ ...enough, XXCOLOUR: '1' })).toEqual([]);
    const short = z.object({ COUNT: flag() });
    expect(readSettings(short, { COUNT: '1', TAB: '8' })).toEqual({ COUNT: true });
  });

  test('reads NAME_FILE without its trailing newline', () => {
    const path = file('colour', 'blue\r\n');
    expect(readSettings(schema, { ...enough, HUB_COLOUR_FILE: path }).HUB_COLOUR).toBe('blue');
  });

  test('refuses NAME beside NAME_FILE, and files that are absent, empty or huge', () => {
    const path = file('one', 'blue');
    expect(problemsOf({ ...enough, HUB_COLOUR: 'red', HUB_COLOUR_FILE: path })).toHaveLength(1);
    expect(problemsOf({ ...enough, HUB_COLOUR_FILE: join(folder, 'absent') })).toMatchObject([
      { name: 'HUB_COLOUR_FILE', expected: expect.stringContaining('ENOENT') },
    ]);
    expect(problemsOf({ ...enough, HUB_COLOUR_FILE: file('empty', '\n') })).toHaveLength(1);
    const huge = file('huge', 'x'.repeat(300_000));
    expect(problemsOf({ ...enough, HUB_COLOUR_FILE: huge })).toHaveLength(1);
  });

  test('a required setting whose file cannot be read is one problem, not two', () => {
    expect(problemsOf({ HUB_STRICT_FILE: join(folder, 'absent') })).toHaveLength(1);
  });

  test('reads a value of several lines whole', () => {
    const path = file('lines', 'one\n\ntwo\n');
    const settings = readSettings(schema, { ...enough, HUB_PASSPHRASE_FILE: path });
    expect(settings.HUB_PASSPHRASE?.reveal()).toBe('one\n\ntwo');
  });

  test('names NAME_FILE where that is what was set', () => {
    const environment = { ...enough, HUB_COLOUR_FILE: file('green', 'green') };
    expect(problemsOf(environment)).toMatchObject([{ name: 'HUB_COLOUR_FILE' }]);
  });

  test('reports every file that cannot be read, under the code of wrong settings', () => {
    const absent = join(folder, 'absent');
    const environment = { ...enough, HUB_COLOUR_FILE: absent, HUB_PASSPHRASE_FILE: absent };
    expect(problemsOf(environment).map(({ name }) => name)).toEqual([
      'HUB_COLOUR_FILE',
      'HUB_PASSPHRASE_FILE',
    ]);
    expect(() => readSettings(schema, environment)).toThrow(
      expect.objectContaining({ code: 'settings.invalid' }) as Error,
    );
  });

  test('reads no second file behind a setting that is a path itself', () => {
    const own = z.object({ HUB_CERT_FILE: path() });
    const environment = { HUB_CERT_FILE: '/cert', HUB_CERT_FILE_FILE: '/absent' };
    expect(readSettings(own, environment)).toEqual({ HUB_CERT_FILE: '/cert' });
  });

  test('a required setting with _FILE within its name whose file cannot be read is one problem', () => {
    const own = z.object({ HUB_FILE_NAME: choice(['a']) });
    expect(() => readSettings(own, { HUB_FILE_NAME_FILE: '/absent' })).toThrow(/^A setting/);
  });

  test('names all settings where a rule concerns them together, with a remedy where it has none', () => {
    const pair = z
      .object({ HUB_ONE: choice(['a', 'b']), HUB_TWO: choice(['a', 'b']) })
      .refine((both) => both.HUB_ONE !== both.HUB_TWO, 'expected two different ones');
    expect(() => readSettings(pair, { HUB_ONE: 'a', HUB_TWO: 'a' })).toThrow(
      'HUB_ONE, HUB_TWO: expected two different ones; correct it, or unset it for the default',
    );
  });

  test('a fault of the program is not taken for a wrong setting', () => {
    const environment: Environment = Object.defineProperty({ HUB_STRICT: '1' }, 'HUB_COLOUR', {
      get: () => {
        throw new TypeError('a bug');
      },
    });
    expect(() => readSettings(schema, environment)).toThrow('a bug');
  });

  test('names the variable that holds a placeholder and never shows the value', () => {
    for (const value of ['changeme', 'ChangeMe\n', ' default-secret-change-me', '00000000']) {
      for (const environment of [
        { ...enough, HUB_PASSPHRASE: value },
        { ...enough, HUB_PASSPHRASE_FILE: file('placeholder', value) },
      ]) {
        const [problem] = problemsOf(environment);
        expect(problem?.name).toMatch(/^HUB_PASSPHRASE/);
        expect(JSON.stringify(problem).toLowerCase()).not.toContain(value.trim().toLowerCase());
      }
    }
  });
});

describe('Secret', () => {
  test('prints [secret] in every way of printing, and reveals itself when asked', () => {
    const made = new Secret('hunter2');
    expect(
      [String(made), JSON.stringify({ made }), inspect({ made }), made.toString()].join(),
    ).not.toContain('hunter2');
    expect(made.reveal()).toBe('hunter2');
  });

  test('a random secret is no placeholder', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 16 }), (text) => {
        fc.pre(new Set(text.trim()).size > 3 && !/^[<$]/.test(text.trim()));
        expect(isPlaceholder(`${text}q7`)).toBe(false);
      }),
    );
  });
});

function listenAddressOf(text: string): unknown {
  return listenAddress().safeParse(text).data;
}

describe('kinds', () => {
  test('durations are read as they are written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999 }), (ms) => {
        expect(parseDuration(durationText(ms))).toBe(ms);
      }),
    );
    for (const wrong of ['', '30', '-1s', '1.5h', '30 s', '1e3s', 's']) {
      expect(parseDuration(wrong)).toBeUndefined();
    }
  });

  test('listen addresses take a port, IPv4, bracketed IPv6, and nothing else', () => {
    expect(listenAddressOf(':0')).toEqual({ host: undefined, port: 0 });
    expect(listenAddressOf('127.0.0.1:443')).toEqual({ host: '127.0.0.1', port: 443 });
    expect(listenAddressOf('[::1]:443')).toEqual({ host: '::1', port: 443 });
    for (const wrong of [
      '',
      '443',
      '::1:443',
      '[127.0.0.1]:1',
      '1.2.3:80',
      ':65536',
      'example.org:443',
    ]) {
      expect(listenAddressOf(wrong)).toBeUndefined();
    }
  });
});
