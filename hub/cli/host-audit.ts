// A command that changes something arrives; it runs with a way to note what it did, at the end of the chain that the running hub writes too.

import { createLogger } from '../../shared/log.ts';
import type { AuditEntry } from '../audit/audit.ts';
import type { AuditIndex } from '../audit/audit-index.ts';
import { AuditLog } from '../audit/audit-log.ts';
import type { HubConfig } from '../config.ts';
import type { Stores } from '../composition/stores.ts';
import { withStores, type CommandContext } from './command-context.ts';

export interface Audited {
  readonly stores: Stores;
  readonly audit: AuditLog;
  /** What whoever has a shell on this host did. */
  readonly note: (entry: Omit<AuditEntry, 'actor' | 'method' | 'result'>) => void;
}

/** For a database that this command must not open: the next hub fills its index from the files. */
export async function noteAlone(
  context: CommandContext,
  config: HubConfig,
  entry: Parameters<Audited['note']>[0],
): Promise<void> {
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  const audit = await AuditLog.open({ ...config.audit, index: noIndex, log });
  audit.note({ ...entry, actor: 'host', method: 'cli', result: 'ok' });
  await audit.close();
}

const noIndex: AuditIndex = {
  insert: async () => undefined,
  find: async () => ({ items: [], nextCursor: undefined }),
  count: async () => 0,
  hashes: async () => new Map(),
  last: async () => undefined,
  prune: async () => 0,
};

/**
 * Opened before the work: what could not be noted is not done. Noted entries are on the disk when it resolves.
 * @throws AuditError audit.folder
 */
export async function withAudit<Result>(
  context: CommandContext,
  config: HubConfig,
  work: (audited: Audited) => Promise<Result>,
): Promise<Result> {
  return withStores(context, config, async (stores) => {
    const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
    const audit = await AuditLog.open({ ...config.audit, index: stores.auditIndex, log });
    try {
      const note: Audited['note'] = (entry) =>
        audit.note({ ...entry, actor: 'host', method: 'cli', result: 'ok' });
      return await work({ stores, audit, note });
    } finally {
      await audit.close();
      if (audit.counts.waiting > 0)
        context.stderr.write(
          'phlix-hub: it is done, but the audit log does not say so: see above why it could not be written.\n',
        );
    }
  });
}
