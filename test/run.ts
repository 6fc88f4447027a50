// Arguments of `npm test` arrive; the real programs that suites need are installed or loudly missed, vitest runs, and its exit code leaves.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installMissingParts } from './support/install-parts.ts';
import { absentPartsVariable, missingParts, type PartName } from './support/parts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCi = process.env['CI'] === 'true';

const missing = installMissingParts(missingParts());
const args = process.argv.slice(2);
/** Every case of the kinds of which one of each is enough for a check of every commit. */
const isLong = args[0] === '--long';
process.exitCode =
  missing.length > 0 && isCi ? 1 : await runVitest(isLong ? args.slice(1) : args, missing);

function runVitest(args: readonly string[], absent: readonly PartName[]): Promise<number> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', ...args], {
    cwd: root,
    env: {
      ...process.env,
      // Hubs, agents and commands are started a thousand times: half of a start is Node reading the same sources again.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled'),
      [absentPartsVariable]: absent.join(','),
      ...(isLong && { TEST_LONG: '1' }),
    },
    stdio: 'inherit',
  });
  // A terminal sends Ctrl-C to vitest as well; a supervisor signals only us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}
