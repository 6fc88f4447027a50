import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryFolder } from '../test/support/temporary-folder.ts';
import type { Verification } from './audit/verify.ts';
import { readConfig } from './config.ts';
import { Health, type HealthParts } from './health.ts';

const now = new Date('2026-11-22T12:00:00Z');
const ahead = (days: number) => new Date(now.getTime() + days * 86_400_000);
const whole: Verification = { files: 1, lines: 1, head: undefined, breaks: [], trimmed: 0 };
const own = {
  names: ['hub.example.org'],
  keyKind: 'ecdsa' as const,
  notAfter: ahead(60),
  isOwn: true,
  isReleased: false,
  isFailing: false,
};

async function look(
  change: Partial<HealthParts> = {},
  environment: Record<string, string> = {},
): Promise<Record<string, string>> {
  const folder = temporaryFolder('health');
  const names = { HUB_PUBLIC_URL: 'https://hub.example.org', HUB_TENANT_DOMAIN: 'films.example' };
  const machine = { bindsLowPorts: false, stateFolder: folder.path, memoryBytes: 2 ** 31 };
  const health = new Health({
    config: readConfig({ ...names, HUB_DATA_DIR: folder.path, ...environment }, machine),
    certificates: () => [own],
    verifyAudit: async () => whole,
    lostAuditEntries: () => 0,
    databaseTime: async () => now,
    unnamedAt: () => undefined,
    travels: () => undefined,
    now: () => now,
    ...change,
  });
  const findings = await health.look();
  return Object.fromEntries(findings.map(({ check, state }) => [check, state]));
}

test('a hub in order has nothing to say but that admins may come from anywhere', async () => {
  const found = await look();
  expect(Object.entries(found).filter(([, state]) => state !== 'ok')).toEqual([
    ['config.admin-door', 'warning'],
  ]);
  const closed = await look({}, { HUB_ADMIN_ALLOW_CIDRS: '192.0.2.0/24' });
  expect(closed['config.admin-door']).toBe('ok');
});

const brokenMap = { kind: 'broken', reason: 'it is not there' } as const;
const broken = { file: 'a', line: 3, what: 'changed' };

test.each<[string, Partial<HealthParts>, string, Record<string, string>?]>([
  ['config.same-site', {}, 'warning', { HUB_TENANT_DOMAIN: 'films.example.org' }],
  ['config.proxies', { unnamedAt: () => now }, 'warning'],
  ['login.travel', { travels: async () => ({ map: brokenMap, checks: 0 }) }, 'warning'],
  ['tls.certificate', { certificates: () => [] }, 'failure'],
  ['tls.certificate', { certificates: () => [{ ...own, notAfter: ahead(-1) }] }, 'failure'],
  ['tls.certificate', { certificates: () => [{ ...own, notAfter: ahead(3) }] }, 'warning'],
  ['tls.certificate', { certificates: () => [{ ...own, isFailing: true }] }, 'warning'],
  ['audit.chain', { verifyAudit: async () => ({ ...whole, breaks: [broken] }) }, 'failure'],
  ['audit.chain', { lostAuditEntries: () => 2 }, 'failure'],
  ['audit.chain', { verifyAudit: () => Promise.reject(new Error('gone')) }, 'failure'],
  ['clock.offset', { databaseTime: async () => new Date(now.getTime() + 9000) }, 'warning'],
])('%s is seen when it is not in order (%o)', async (check, change, state, environment) => {
  expect((await look(change, environment))[check]).toBe(state);
});

test('secrets that others may read are a failure', async () => {
  const folder = temporaryFolder('health');
  const secret = join(folder.path, 'secret.key');
  writeFileSync(secret, 'x', { mode: 0o600 });
  const environment = { HUB_DATA_DIR: folder.path };
  expect((await look({}, environment))['config.permissions']).toBe('ok');
  chmodSync(secret, 0o644);
  expect((await look({}, environment))['config.permissions']).toBe('failure');
});
