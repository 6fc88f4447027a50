import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import {
  choice,
  duration,
  durationText,
  flag,
  integer,
  list,
  listenAddress,
  parseDuration,
  path,
  secret,
  setting,
  size,
  text,
} from './kinds.ts';
import { isPlaceholder, Secret } from './secret.ts';
import { readSettings, SettingsError } from './settings.ts';

const kib = 1024;
/** Made within the test, so that it is the test that runs what makes it. */
type Kind = () => z.ZodType<unknown, string>;

const letters = () =>
  list({ expected: 'letters', remedy: 'write a,b' }, (item) =>
    /^[a-z]$/.test(item) ? item : undefined,
  );

const accepted: [name: string, kind: Kind, text: string, value: unknown][] = [
  ['a choice', () => choice(['red', 'blue']), 'BLUE', 'blue'],
  ['a flag', flag, 'Yes', true],
  ['a flag', flag, 'on', true],
  ['a flag', flag, 'true', true],
  ['a flag', flag, '0', false],
  ['a flag', flag, 'OFF', false],
  ['a flag', flag, 'no', false],
  ['an integer', () => integer(1, 10), '1', 1],
  ['an integer', () => integer(1, 10), '10', 10],
  ['an integer', () => integer(0, 1e15), '007', 7],
  ['a duration', () => duration(1000, 60_000), '1s', 1000],
  ['a duration', () => duration(1000, 60_000), '1m', 60_000],
  ['a duration', () => duration(0, 1e12), ' 7d ', 604_800_000],
  ['a duration', () => duration(0, 1e12), '0', 0],
  ['a duration', () => duration(0, 1e12), '2h', 7_200_000],
  ['a duration', () => duration(0, 1e12), ' 0 ', 0],
  ['a duration', () => duration(0, 1e12), '999999999ms', 999_999_999],
  ['a size', () => size(1, 16 * kib), '1', 1],
  ['a size', () => size(1, 16 * kib), '12B', 12],
  ['a size', () => size(1, 16 * kib), '16KiB', 16 * kib],
  ['a size', () => size(1, 2 ** 40), '3MiB', 3 * kib * kib],
  ['a size', () => size(1, 2 ** 40), '2GiB', 2 * kib ** 3],
  ['a path', path, '/etc/../var', '/var'],
  ['a text', () => text(5), ' Tür 1 ', 'Tür 1'],
  ['a list', letters, ' a, b ,c', ['a', 'b', 'c']],
  ['a list', letters, 'a', ['a']],
  ['an address', listenAddress, '127.0.0.1:443', { host: '127.0.0.1', port: 443 }],
];

it.each(accepted)('%s is read, %#', (_name, kind, given, value) => {
  expect(kind().parse(given)).toEqual(value);
});

const refused: [expected: string, kind: Kind, texts: string[]][] = [
  ['expected one of red, blue', () => choice(['red', 'blue']), ['', 'green', 'redblue', ' red']],
  ['expected on or off', flag, ['2', '', 'y']],
  [
    'expected a whole number from 1 to 10',
    () => integer(1, 10),
    ['0', '11', '', 'x', '1x', 'x1', '-1', '1.0', '1e1', '0000000000000001'],
  ],
  [
    'expected a duration from 1s to 1m',
    () => duration(1000, 60_000),
    ['999ms', '60001ms', '5', 's', '5 s', '-5s', '5sx', 'x5s', '0000000005s', '1w', ''],
  ],
  [
    'expected a size from 10B to 1KiB',
    () => size(10, kib),
    ['9', '1025', '2KiB', '', 'KiB', '1KB', '1 KiB', 'x12', '12x', '0000000000012', '1TiB'],
  ],
  ['expected a path', path, ['a\0b']],
  [
    'expected at most 5 printable characters',
    () => text(5),
    ['', '  ', 'sixsix', 'a\tb', 'a\u0085b'],
  ],
  ['expected letters', letters, ['', 'a,', ',a', 'a,,b', 'a,1']],
  ['expected a secret of your own, not a placeholder that everybody knows', secret, ['secret']],
  ['expected an address to listen on', listenAddress, ['443', 'localhost:1']],
];

describe.each(refused)('a setting that is %s', (expected, kind, texts) => {
  it.each(texts)(`refuses %j and says what it expects`, (given) => {
    expect(kind().safeParse(given).error?.issues).toMatchObject([
      { code: 'custom', message: expected, params: { remedy: expect.stringMatching(/^\w{4}/) } },
    ]);
  });

  it('is required unless it has a default', () => {
    const issues = kind().safeParse(undefined).error?.issues;
    expect(issues).toMatchObject([{ message: expected.replace('expected', 'required:') }]);
  });
});

it('a list has no empty item, even of a kind that takes any text', () => {
  const anything = list({ expected: 'texts', remedy: 'write a,b' }, (item) => item);
  expect(anything.safeParse('a,b').data).toEqual(['a', 'b']);
  expect(anything.safeParse('a,,b').success).toBe(false);
});

it('the remedies say what to write', () => {
  const kinds = [choice(['a', 'b']), flag(), integer(0, 1), duration(0, 1), size(0, 1)];
  expect([...kinds, listenAddress()].map(remedyOf)).toEqual([
    [{ remedy: 'write a or b' }],
    [{ remedy: 'write on or 1, off or 0' }],
    [{ remedy: 'write it in digits' }],
    [{ remedy: 'write a number and its unit: 500ms, 30s, 10m, 1h' }],
    [{ remedy: 'write a number and its unit: 16KiB, 1MiB' }],
    [{ remedy: 'write :8443 for every interface, or 127.0.0.1:8443, or [::1]:8443' }],
  ]);
});

it('a fault of the program in a kind is not taken for a fault of the text', () => {
  const faulty = setting({ expected: 'x', remedy: 'y' }, () => {
    throw new TypeError('a bug');
  });
  expect(() => faulty.safeParse('text')).toThrow(TypeError);
});

it.each([
  [0, '0ms'],
  [1, '1ms'],
  [999, '999ms'],
  [1000, '1s'],
  [1500, '1500ms'],
  [60_000, '1m'],
  [90_000, '90s'],
  [5_400_000, '90m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
])('%i ms is written %s, and read back', (ms, written) => {
  expect(durationText(ms)).toBe(written);
  expect(parseDuration(written)).toBe(ms);
});

describe('a secret', () => {
  it('is read as it was written', () => {
    expect(secret().parse('hunter22').reveal()).toBe('hunter22');
  });

  it('shows itself to nobody but who asks', () => {
    const own = new Secret('hunter22');
    expect([String(own), JSON.stringify({ own }), inspect({ own })]).toEqual([
      '[secret]',
      '{"own":"[secret]"}',
      '{ own: [secret] }',
    ]);
    expect(own.reveal()).toBe('hunter22');
  });

  it.each([
    'changeme',
    ' ChangeMe ',
    'aaaa',
    '<your secret>',
    '<>',
    '${SECRET}',
    '${}',
    'x',
    'postgres://u:changeme@h/d',
    'postgres://u:change%2Dme@h/d',
    'postgresql://hub:secret@/phlix?host=/run/postgresql',
    'postgresql://hub:change%2Dme@?host=/run/postgresql',
    '00000000000000000000000000000000',
    '0123456789abcdef0123456789ABCDEF',
    'changeme-changeme-changeme-1234567',
    'Default-Secret-Change-Me-In-Production',
    'your-secret-key-of-32-characters!',
    '{{ hub_secret }}',
    '$HUB_SECRET_KEY',
    'phe_...',
    'secret\n',
  ])('is not %j', (given) => {
    expect(isPlaceholder(given)).toBe(true);
  });

  it.each([
    'hunter22',
    'a<b>',
    '<b>a',
    'x${A}',
    '${A}x',
    'abab',
    'changeme2',
    '$ecret99',
    'no secret 12345',
    'postgres://u:hunter22@h/d',
    'postgresql://hub:hunter22@/phlix?host=/run/postgresql',
    'postgresql://hub@/phlix?host=/run/postgresql',
    '',
  ])('may be %j', (given) => {
    expect(isPlaceholder(given)).toBe(false);
  });
});

describe('what a person is told', () => {
  const schema = z.object({ HUB_COUNT: integer(1, 5), HUB_NAME: text(3).optional() });
  const messageOf = (environment: Record<string, string>): string => {
    try {
      readSettings(schema, environment);
    } catch (error) {
      if (error instanceof SettingsError) return error.message;
    }
    return 'accepted';
  };

  it('is one problem in one line', () => {
    expect(messageOf({ HUB_COUNT: '9' })).toBe(
      'A setting is wrong:\n  HUB_COUNT: expected a whole number from 1 to 5; write it in digits',
    );
  });

  it('is every problem, each in its line', () => {
    expect(messageOf({ HUB_NAME: 'long', HUB_COUNTS: '1' })).toBe(
      '3 settings are wrong:\n' +
        '  HUB_COUNTS: this program has no such setting; did you mean HUB_COUNT?\n' +
        '  HUB_COUNT: required: a whole number from 1 to 5; it is not set\n' +
        '  HUB_NAME: expected at most 3 printable characters; shorten it',
    );
  });

  it('is the name that was set', () => {
    expect(messageOf({ HUB_COUNT_FILE: '/dev/null' })).toBe(
      'A setting is wrong:\n  HUB_COUNT_FILE: the file /dev/null is empty; write the value into it',
    );
    expect(messageOf({ HUB_COUNT_FILE: '/no/such', HUB_NAME: 'abc' })).toBe(
      'A setting is wrong:\n  HUB_COUNT_FILE: the file /no/such cannot be read (ENOENT); check the path and that this user may read it',
    );
    expect(messageOf({ HUB_COUNT: '1', HUB_COUNT_FILE: '/no/such' })).toBe(
      'A setting is wrong:\n  HUB_COUNT_FILE: only one of HUB_COUNT and HUB_COUNT_FILE may be set; unset one of the two',
    );
  });

  it('is that a file is too large for a setting: 256 KiB are the most', () => {
    const folder = temporaryFolder('setting');
    onTestFinished(() => folder.remove());
    const path = `${folder.path}/value`;
    writeFileSync(path, `1${'\n'.repeat(256 * kib - 1)}`);
    expect(messageOf({ HUB_COUNT_FILE: path })).toBe('accepted');
    writeFileSync(path, `1${'\n'.repeat(256 * kib)}`);
    expect(messageOf({ HUB_COUNT_FILE: path })).toContain(
      `HUB_COUNT_FILE: the file ${path} is larger than 256 KiB; check that the path is the right one`,
    );
    writeFileSync(path, '1\n1\n');
    expect(messageOf({ HUB_COUNT_FILE: path })).toContain('a whole number');
  });

  it.each([
    ['HUB_COUMT', 'HUB_COUNT'],
    ['HUBCOUN', 'HUB_COUNT'],
    ['XXHUB_COUNT', 'HUB_COUNT'],
    ['hub_count', 'HUB_COUNT'],
    ['HUB_COUNT_FIEL', 'HUB_COUNT_FILE'],
  ])('is the setting that %s was meant to be', (name, meant) => {
    expect(messageOf({ HUB_COUNT: '1', [name]: '1' })).toContain(`did you mean ${meant}?`);
  });

  it.each(['HUBCOU', 'XXXHUB_COUNT', 'HUB_TUNOC', 'PATH'])('is nothing about %s', (name) => {
    expect(messageOf({ HUB_COUNT: '1', [name]: '1' })).toBe('accepted');
  });
});

function remedyOf(schema: z.ZodType<unknown, string>): unknown {
  return schema.safeParse('\0').error?.issues.map((issue) => 'params' in issue && issue.params);
}
