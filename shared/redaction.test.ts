import { expect, test } from 'vitest';

import { redacted } from './redaction.ts';

const secret = 'Xy7canaryQ9wz0';

/** As a line of the log holds it: JSON, once or twice over. */
const nested = (value: unknown): string => JSON.stringify({ msg: 'x', about: value });

test.each([
  ['a Plex token in an address', `/library?X-Plex-Token=${secret}&a=1`],
  ['the same in another case', `/library?x-plex-TOKEN=${secret}`],
  ['a name that is percent-encoded', `/library?X%2DPlex%2DToken%3D${secret}`],
  ['an API key', `/Items?api_key=${secret}`],
  ['an API key without a sign', `/Items?ApiKey=${secret}#there`],
  ['an Emby token', `/Items?X-Emby-Token=${secret};b`],
  ["a portal's token", `/p?p_token=${secret}`],
  ['a signed address', `/share?sig=${secret}&exp=${secret}`],
  ['what a client of OAuth sends', `client_secret=${secret}&refresh_token=${secret}`],
  ['a setup token', `/setup?token=${secret}`],
  ['an enrolment token', `phe_a1B2c3D4${secret}`],
  ['an enrolment token with a pin', `bad token: phe_a1B2c3D4${secret}.${secret}-_`],
  ['an API token of the hub', `phx_pat_a1B2c3D4_${secret}`],
  ['the token of a device', `phd_a1B2c3D4_${secret}`],
  ['a bearer', `Authorization: Bearer ${secret}`],
  ['a bearer without its field', `sent bearer ${secret}`],
  ['basic credentials', `authorization: Basic ${Buffer.from(secret).toString('base64')}`],
  ['what Jellyfin’s clients send', `MediaBrowser Client="web", Token="${secret}"`],
  ['cookies', `Cookie: a=${secret}; b=${secret}\r\nAccept: */*`],
  ['an identity token', `eyJhbGciOiJFUzI1NiJ9.${secret}.${secret}`],
  ['the password of a database', `postgresql://hub:${secret}@db.example.org/hub`],
  ['a passphrase', `passphrase=kettle orbit ${secret} river`],
  ['a passphrase in a setting', `HUB_BACKUP_PASSPHRASE=kettle orbit ${secret}`],
  ['what opens backups', `AGE-SECRET-KEY-1QQ${secret}`],
  ['a private key', `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`],
])('%s is cut out, in a line of the log and within JSON of its own', (_what, text) => {
  for (const line of [nested(text), nested(JSON.stringify({ text }))]) {
    expect(redacted(line)).not.toContain(secret);
    expect(redacted(line)).not.toContain(Buffer.from(secret).toString('base64'));
    expect(redacted(line)).toContain('[secret]');
  }
  expect(() => JSON.parse(redacted(nested(text))) as unknown).not.toThrow();
});

test.each([
  [{ 'x-plex-token': secret }],
  [{ headers: { deeper: { still: { authorization: `MediaBrowser Token="${secret}"` } } } }],
  [['host', 'a', 'x-emby-authorization', `MediaBrowser Token="${secret}"`, 'accept', '*/*']],
  [{ password: `a "quoted" \\ ${secret}` }],
  [{ text: JSON.stringify({ token: secret, other: 1 }) }],
])('fields are cut out however deep they lie: %j', (value) => {
  const line = redacted(nested(value));
  expect(line).not.toContain(secret);
  expect(() => JSON.parse(line) as unknown).not.toThrow();
});

test.each([
  '{"level":"info","time":"2026-11-22T18:00:00.000Z","msg":"agent connected"}',
  '{"variable":"PHLIX_HUB_ENROLLMENT_TOKEN","remedy":"unset it","msg":"enrolment token is no longer needed"}',
  '{"https":{"address":"127.0.0.1","port":8443},"publicUrl":"https://hub.example.org:8443"}',
  '{"msg":"phlix_hub_streams counts","tokens":3,"expires":1}',
])('what is no secret stays: %s', (line) => {
  expect(redacted(line)).toBe(line);
});

test('a line of a megabyte takes no time to speak of', () => {
  const lines = ['a', 'token', '\\"', '://', 'ph', 'x-', '":"'].map((part) =>
    part.repeat(1_000_000 / part.length),
  );
  const since = performance.now();
  for (const line of lines) redacted(line);
  expect(performance.now() - since).toBeLessThan(2000);
});

test('a passphrase is cut out of a field, with its blanks', () => {
  const line = JSON.stringify({ passphrase: `kettle orbit ${secret}` });
  expect(redacted(line)).toBe('{"passphrase":"[secret]"}');
  expect(redacted(JSON.stringify({ text: line }))).not.toContain(secret);
});
