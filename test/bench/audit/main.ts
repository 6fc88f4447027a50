// `node test/bench/audit/main.ts`: ten thousand entries a second for the audit log; the processor time that each place of it takes leaves.

import { statfsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { pino } from 'pino';

import { AuditLog } from '../../../hub/audit/audit-log.ts';
import type { AuditIndex } from '../../../hub/audit/audit-index.ts';
import { usuallyExcluded } from '../../../hub/audit/event.ts';
import { defaultAuditLimits } from '../../../hub/audit/limits.ts';
import { verify } from '../../../hub/audit/verify.ts';
import { PostgresAuditIndex } from '../../../hub/db/audit/audit-index.ts';
import { openDatabase } from '../../../hub/db/connect.ts';
import { MemoryAuditIndex } from '../../support/memory-audit-index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rate: { type: 'string', default: '10000' },
  },
});
const rate = Number(values.rate);
const seconds = values.quick ? 3 : 15;
const log = pino({ level: 'silent' });

const folder = temporaryFolder('audit-bench');
const { type } = statfsSync(folder.path);
say(`${rate} entries a second for ${seconds} s, on a file system of type 0x${type.toString(16)}`);

const nothing = new (class extends MemoryAuditIndex {
  override async insert(): Promise<void> {}
})();
const database = await openDatabase(
  { url: undefined, dataDir: folder.path },
  { purpose: 'hub', log },
);
const measured = [
  await measure('files and auth.log', 'login.failed', nothing),
  await measure('files', 'server.changed', nothing),
  await measure('left out by HUB_AUDIT_EXCLUDE', 'tunnel.heartbeat', nothing),
  await measure('files, auth.log and database', 'login.failed', new PostgresAuditIndex(database)),
];
await database.close();
folder.remove();
if (values.json) say(JSON.stringify({ rate, seconds, measured }));

async function measure(
  name: string,
  event: 'login.failed' | 'server.changed' | 'tunnel.heartbeat',
  index: AuditIndex,
): Promise<object> {
  const place = join(folder.path, name.replaceAll(/\W+/g, '-'));
  const audit = await AuditLog.open({
    folder: place,
    authLogPath: `${place}.auth.log`,
    limits: defaultAuditLimits,
    excluded: new Set(usuallyExcluded),
    index,
    log,
  });
  const began = performance.now();
  const before = process.cpuUsage();
  for (let noted = 0; noted < rate * seconds;) {
    const due = Math.min(rate * seconds, ((performance.now() - began) / 1000) * rate);
    for (; noted < due; noted += 1)
      audit.note({
        event,
        result: 'denied',
        address: `203.0.113.${noted % 256}`,
        target: `guest ${noted % 1000}`,
        method: 'password',
        reason: 'password',
        requestId: '01997e3c-9d5b-7c43-8d2a-5a0e3f7b9c11',
      });
    await wait(5);
  }
  const { user, system } = process.cpuUsage(before);
  const lasted = (performance.now() - began) / 1000;
  const { waiting } = audit.counts;
  await audit.close();
  const { breaks, lines } = await verify(place);
  const percent = Math.round(((user + system) / 1e6 / lasted) * 1000) / 10;
  say(
    `${name.padEnd(32)} ${String(percent).padStart(5)} % of a processor, ${lines} lines, ${waiting} waited at the end, ${audit.counts.lost} lost, ${breaks.length} breaks`,
  );
  return { name, percent, lines, waiting, lost: audit.counts.lost, breaks: breaks.length };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
