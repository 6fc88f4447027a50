import { describe, expect, test } from 'vitest';

import { SettingsError, type Environment } from '../../shared/settings/settings.ts';
import { auditEvents, isExcludable } from '../audit/event.ts';
import { readConfig, type HubConfig } from '../config.ts';

const machine = { bindsLowPorts: true, stateFolder: '/var/lib/phlix-hub', memoryBytes: 2 ** 33 };
const config = (environment: Environment = {}): HubConfig => readConfig(environment, machine);

function problemsOf(environment: Environment): readonly string[] {
  try {
    config(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ name }) => name);
    throw error;
  }
  return [];
}

describe('HUB_AUDIT_EXCLUDE', () => {
  test('leaves heartbeats out, and what else it names', () => {
    expect([...config().audit.excluded]).toEqual(['tunnel.heartbeat', 'session.touch']);
    expect([...config({ HUB_AUDIT_EXCLUDE: 'none' }).audit.excluded]).toEqual([]);
    const some = config({ HUB_AUDIT_EXCLUDE: 'tunnel.*, notice.failed' }).audit.excluded;
    expect([...some]).toEqual([
      'tunnel.connected',
      'tunnel.disconnected',
      'tunnel.heartbeat',
      'notice.failed',
    ]);
  });

  test.each(auditEvents.filter((event) => !isExcludable(event)))('refuses %s', (event) => {
    expect(problemsOf({ HUB_AUDIT_EXCLUDE: `tunnel.heartbeat,${event}` })).toEqual([
      'HUB_AUDIT_EXCLUDE',
    ]);
  });

  test.each(['login.*', 'gate.*', '*', 'login', 'nonsense', 'tunnel.heartbeat,', 'toString'])(
    'refuses %s',
    (value) => {
      expect(problemsOf({ HUB_AUDIT_EXCLUDE: value })).toEqual(['HUB_AUDIT_EXCLUDE']);
    },
  );

  test('may never name what row A-21 lists', () => {
    const always = ['login.ok', 'mfa.failed', 'admin.setup', 'gate.decision.deny', 'cert.failed'];
    for (const event of [...always, 'ban.added', 'key.rotated'] as const)
      expect(auditEvents.filter(isExcludable)).not.toContain(event);
  });
});

test('auth.log stands in the data folder, elsewhere, or nowhere', () => {
  expect(config().audit.authLogPath).toBe('/var/lib/phlix-hub/auth.log');
  expect(config({ HUB_AUTH_LOG: '/var/log/phlix/auth.log' }).audit.authLogPath).toBe(
    '/var/log/phlix/auth.log',
  );
  expect(config({ HUB_AUTH_LOG: 'off' }).audit.authLogPath).toBeUndefined();
});

test('the log is kept as long, in as many files and of such a size as is set', () => {
  expect(config().audit.limits).toEqual({
    fileBytes: 104_857_600,
    files: 30,
    keptMs: 90 * 86_400_000,
  });
  const settings = {
    HUB_AUDIT_FILE_SIZE: '1MiB',
    HUB_AUDIT_FILES: '5',
    HUB_AUDIT_RETENTION: '30d',
  };
  expect(config(settings).audit.limits).toEqual({
    fileBytes: 1_048_576,
    files: 5,
    keptMs: 30 * 86_400_000,
  });
  expect(problemsOf({ HUB_AUDIT_FILES: '0', HUB_AUDIT_RETENTION: '1h' })).toEqual([
    'HUB_AUDIT_FILES',
    'HUB_AUDIT_RETENTION',
  ]);
});
