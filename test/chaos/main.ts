// Arguments of `npm run chaos` arrive and go on to vitest; the faults are run, and a table of what each cost leaves.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { temporaryFolder } from '../support/temporary-folder.ts';
import { ledgerVariable, readLedger, tableOf } from './ledger.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ledger = join(temporaryFolder('chaos').path, 'ledger');
writeFileSync(ledger, '');

const run = spawn(process.execPath, ['test/run.ts', 'test/chaos', ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, [ledgerVariable]: ledger },
  stdio: 'inherit',
});
// A terminal sends Ctrl-C to all; a supervisor signals only us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.kill(signal));
run.once('close', (code) => {
  process.stdout.write(`\n${tableOf(readLedger(ledger))}\n`);
  process.exitCode = code ?? 1;
});
