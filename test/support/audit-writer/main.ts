// A folder and a number arrive from a test; entries are written into its chain without end, in small files, until this process is killed.

import { Chain } from '../../../hub/audit/chain.ts';

const [, , folder = '', name = ''] = process.argv;
/** Some ten entries: most of the time a file is being closed, begun or packed. */
const limits = { fileBytes: 4000 };
const chain = await Chain.open({ folder, limits, now: () => new Date() });
for (let count = 0; ; count += 1) {
  const at = new Date();
  const entries = [0, 1, 2].map((part) => ({
    entry: {
      event: 'login.failed' as const,
      result: 'denied' as const,
      target: `${name} ${count}.${part}`,
    },
    at,
  }));
  await chain.append(entries);
  // Told: from now on a kill must not take it away.
  process.stdout.write(`${count}\n`);
}
