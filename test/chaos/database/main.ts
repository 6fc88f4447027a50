// A data folder arrives as argument; names of servers leave on stdout, each after the database has acknowledged it, until the process is killed.

import { pino } from 'pino';

import { type DatabaseSettings, openDatabase } from '../../../hub/db/connect.ts';
import { PostgresEnrolmentStore } from '../../../hub/db/enrolment-store.ts';
import type { Purpose } from '../../../hub/db/postmaster.ts';

const [dataDir = '', purpose = 'hub', count = 'Infinity', systemFolder] = process.argv.slice(2);
const settings: DatabaseSettings = {
  url: undefined,
  dataDir,
  ...(systemFolder === undefined ? {} : { systemFolder }),
};

try {
  const database = await openDatabase(settings, {
    purpose: purpose as Purpose,
    log: pino({ level: 'silent' }),
  });
  process.stdout.write(`open ${database.place} ${database.serverPid}\n`);
  const store = new PostgresEnrolmentStore(database);
  for (let number = 0; number < Number(count); number++) {
    // A statement that was under way when the database died is the only one whose fate is unknown.
    const outcome = await store.insertToken(token(number)).then(
      () => 'kept',
      () => 'unsure',
    );
    process.stdout.write(`${outcome} ${number}\n`);
  }
  await database.close();
} catch (error) {
  process.stdout.write(`failed ${(error as { code?: string }).code}: ${String(error)}\n`);
  process.exitCode = 1;
}

function token(number: number): Parameters<PostgresEnrolmentStore['insertToken']>[0] {
  return {
    id: `${process.pid}-${number}`,
    secretHash: Buffer.alloc(32),
    ownerId: 'operator',
    serverId: undefined,
    label: undefined,
    cidr: undefined,
    createdAt: new Date(),
    expiresAt: new Date(),
    usedAt: undefined,
    usedBy: undefined,
  };
}
