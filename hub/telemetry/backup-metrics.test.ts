import { expect, test } from 'vitest';

import { registryOf } from '../../shared/telemetry/metric.ts';
import { backupMetrics, type BackupLooks } from './backup-metrics.ts';

const nothing = async () => undefined;

async function told(looks: Partial<BackupLooks>): Promise<string> {
  return registryOf(backupMetrics({ lastGood: nothing, last: nothing, ...looks })).metrics();
}

test('no backup is an old backup, and no failure', async () => {
  const text = await told({});
  expect(text).toMatch(/^phlix_hub_backup_age_seconds \+Inf$/m);
  expect(text).toMatch(/^phlix_hub_backup_failed 0$/m);
});

test('the last good one counts, though a later attempt failed', async () => {
  const text = await told({
    lastGood: async () => ({ at: new Date(Date.now() - 3_600_000) }),
    last: async () => ({ ok: false }),
  });
  const age = Number(/^phlix_hub_backup_age_seconds (\S+)$/m.exec(text)?.[1]);
  expect(age).toBeGreaterThanOrEqual(3600);
  expect(age).toBeLessThan(3700);
  expect(text).toMatch(/^phlix_hub_backup_failed 1$/m);
});
