import { describe, expect, test } from 'vitest';

import { registryOf } from '../../shared/telemetry/metric.ts';
import {
  CertificateAttempts,
  certificateGauges,
  givenCertificate,
  type HeldCertificate,
} from './certificate-metrics.ts';

const now = new Date('2026-11-22T12:00:00Z');
const inDays = (days: number): Date => new Date(now.getTime() + days * 86_400_000);

function held(name: string, days: number | undefined, more: Partial<HeldCertificate> = {}) {
  const notAfter = days === undefined ? undefined : inDays(days);
  const usual = { keyKind: 'ecdsa', isOwn: false, isReleased: false, isFailing: false } as const;
  return { ...usual, names: [name], notAfter, ...more };
}

async function told(certificates: readonly HeldCertificate[]): Promise<string[]> {
  const gauges = certificateGauges(
    () => certificates,
    () => now,
  );
  const text = await registryOf(gauges).metrics();
  return text.split('\n').filter((line) => line.startsWith('phlix'));
}

async function days(certificates: readonly HeldCertificate[]): Promise<string[]> {
  return (await told(certificates)).filter((line) => line.includes('expires_in'));
}

describe('the days that are left', () => {
  test("are told for each of the hub's own names and kinds of key", async () => {
    const names = ['hub.example', '*.films.example'];
    expect(
      await days([
        held('', 30.5, { names, isOwn: true }),
        held('', 12, { names, isOwn: true, keyKind: 'rsa' }),
        held('waits.example', undefined, { isOwn: true }),
      ]),
    ).toEqual([
      'phlix_hub_certificate_expires_in_seconds{names="hub.example *.films.example",key="ecdsa"} 2635200',
      'phlix_hub_certificate_expires_in_seconds{names="hub.example *.films.example",key="rsa"} 1036800',
    ]);
  });

  test('are one line for ten thousand servers: of the one that ends first', async () => {
    const servers = Array.from({ length: 10_000 }, (_, n) => held(`${n}.example`, 20 + n / 1000));
    const soon = [...servers, held('late.example', -1), held('tv.example', 3, { keyKind: 'rsa' })];
    expect(await days(soon)).toEqual([
      'phlix_hub_certificate_expires_in_seconds{names="others",key="ecdsa"} -86400',
      'phlix_hub_certificate_expires_in_seconds{names="others",key="rsa"} 259200',
    ]);
  });

  test('stay few for an operator with a long list of files, and never name a certificate twice', async () => {
    const files = Array.from({ length: 100 }, (_, n) => held(`${n}.example`, 9, { isOwn: true }));
    const twice = [...files, held('0.example', 40, { isOwn: true })];
    const lines = await days(twice);
    expect(lines).toHaveLength(33);
    expect(new Set(lines.map((line) => line.split('}', 1)[0])).size).toBe(33);
    expect(lines[0]).toMatch(/"0\.example",key="ecdsa"\} 3456000$/);
  });

  test('are told as a share of the life too, which begins at 1 and ends at 0', async () => {
    const shares = await told([
      held('new.example', 90, { isOwn: true, notBefore: now }),
      held('short.example', 1, { isOwn: true, notBefore: inDays(-4) }),
      held('late.example', -1, { notBefore: inDays(-91) }),
    ]);
    expect(shares.filter((line) => line.includes('ratio'))).toEqual([
      'phlix_hub_certificate_life_left_ratio{names="new.example",key="ecdsa"} 1',
      'phlix_hub_certificate_life_left_ratio{names="short.example",key="ecdsa"} 0.2',
      'phlix_hub_certificate_life_left_ratio{names="others",key="ecdsa"} 0',
    ]);
  });

  test('do not count down for a name that was released', async () => {
    expect(await days([held('gone.example', 2, { isReleased: true })])).toEqual([]);
  });
});

test('each certificate is in one state, and a state that nobody is in is 0', async () => {
  const certificates = [
    held('a.example', 9),
    held('b.example', 9, { isFailing: true }),
    held('c.example', undefined, { isFailing: true }),
    held('d.example', 9, { isReleased: true }),
  ];
  expect((await told(certificates)).filter((line) => line.includes('state='))).toEqual([
    'phlix_hub_certificates{state="valid"} 1',
    'phlix_hub_certificates{state="failing"} 1',
    'phlix_hub_certificates{state="missing"} 1',
    'phlix_hub_certificates{state="ended"} 0',
    'phlix_hub_certificates{state="released"} 1',
  ]);
});

test("an operator's certificate is the hub's own", () => {
  const given = { names: ['hub.example'], notAfter: inDays(1), kind: 'rsa', context: {} } as const;
  expect(givenCertificate({ ...given, context: { context: undefined } })).toMatchObject({
    isOwn: true,
    keyKind: 'rsa',
    notAfter: inDays(1),
  });
});

function failed(code: string) {
  const error = { code, message: 'It did not work.', at: now };
  return { outcome: { kind: 'failed', error } } as const;
}

describe('attempts', () => {
  test('are counted, the failed ones by their code, and questions are none', async () => {
    const attempts = new CertificateAttempts();
    attempts.note({ outcome: { kind: 'asked' } });
    attempts.note({ outcome: { kind: 'removed', isRevoked: true } });
    for (const code of ['dns.lagging', 'acme.rate-limited', 'dns.lagging']) {
      attempts.note(failed(code));
    }
    const refusal = { limit: 'orders', notBefore: now };
    attempts.note({ outcome: { kind: 'waiting', authority: 'https://ca.example', refusal } });
    const text = await registryOf(attempts.metrics).metrics();
    expect(text).toContain('phlix_hub_certificate_waits_total 1\n');
    expect(text).toContain('phlix_hub_certificate_attempts_total 4\n');
    expect(text).toContain('phlix_hub_certificate_failures_total{reason="dns.lagging"} 2\n');
    expect(text).toContain('phlix_hub_certificate_failures_total{reason="acme.rate-limited"} 1\n');
  });

  test('that fail in ever new ways make no more than 65 lines', async () => {
    const attempts = new CertificateAttempts();
    for (let n = 0; n < 1000; n += 1) attempts.note(failed(`code.${n}`));
    const lines = (await registryOf(attempts.metrics).metrics()).match(
      /^phlix_hub_certificate_failures.*$/gm,
    );
    expect(lines).toHaveLength(65);
    expect(lines?.at(-1)).toBe('phlix_hub_certificate_failures_total{reason="other"} 936');
  });
});
