// A step, a data folder, a backup and its key arrive as arguments; a restore runs until that step, says "here", and waits to be killed.

import { readFileSync } from 'node:fs';

import { pino } from 'pino';
import { Client } from 'pg';

import { StagedFiles } from '../../../hub/backup/staged-files.ts';
import { parseIdentities } from '../../../hub/backup/encryption.ts';
import { readConfig } from '../../../hub/config.ts';
import { thisMachine } from '../../../hub/process/machine.ts';
import { restore } from '../../../hub/upkeep/restoring.ts';

const [step = '', dataDir = '', file = '', keyFile = ''] = process.argv.slice(2);

/** Called for `steps[step]`: the first row, the end of the files, the statement behind the commit. */
function stop(): Promise<never> {
  process.stdout.write('here\n');
  return new Promise(() => setInterval(() => undefined, 1000));
}

type Method = (...words: unknown[]) => unknown;
const query = Reflect.get(Client.prototype, 'query') as Method;
let isCommitted = false;
Client.prototype.query = function asked(this: Client, ...words: unknown[]): never {
  const [statement] = words;
  const isText = typeof statement === 'string';
  if (step === 'opening' && isText && statement.startsWith('DROP TABLE')) return stop() as never;
  if (step === 'committing' && isText && statement === 'COMMIT') return stop() as never;
  if (step === 'settling' && isCommitted && isText && statement.includes('pg_advisory_lock'))
    return stop() as never;
  isCommitted ||= isText && statement === 'COMMIT';
  return Reflect.apply(query, this, words) as never;
};

const write = Reflect.get(StagedFiles.prototype, 'write') as Method;
if (step === 'pouring') {
  StagedFiles.prototype.write = async function written(this: StagedFiles, path, bytes) {
    await Reflect.apply(write, this, [path, bytes]);
    await stop();
  };
}

const environment = { HOME: '/', HUB_DATA_DIR: dataDir };
const keys = { identities: parseIdentities(readFileSync(keyFile, 'utf8')) ?? [], passphrases: [] };
const order = { file, keys, replaces: true, isForward: true, reason: 'restore' } as const;
const log = pino({ level: 'silent' });
await restore(readConfig(environment, thisMachine(environment)), order, log);
