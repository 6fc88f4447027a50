// How the last backups went arrives; their age leaves for monitoring, and whether the last one failed.

import { gauge, type Metric } from '../../shared/telemetry/metric.ts';

export interface BackupLooks {
  /** The last one that can be restored; undefined: there is none. */
  readonly lastGood: () => Promise<{ readonly at: Date } | undefined>;
  /** The last attempt. */
  readonly last: () => Promise<{ readonly ok: boolean } | undefined>;
}

export function backupMetrics({ lastGood, last }: BackupLooks): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_hub_backup_age_seconds',
      help: 'Since the last backup that can be restored was begun; +Inf while there is none.',
      read: async () => {
        const good = await lastGood();
        // An alert on what is absent never fires: no backup is an old backup.
        return good === undefined ? Infinity : Math.max(0, (Date.now() - good.at.getTime()) / 1000);
      },
    }),
    gauge({
      name: 'phlix_hub_backup_failed',
      help: '1 while the last attempt to make a backup came to nothing.',
      read: async () => Number((await last())?.ok === false),
    }),
  ];
}
