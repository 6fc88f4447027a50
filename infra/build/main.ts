// `npm run build`: the sources arrive; `dist` leaves, with JavaScript, what it reads beside it, and the agent's one file.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundleAgent } from './agent-bundle.ts';
import { copyAssets } from './assets.ts';
import { madeAnew } from './made-anew.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const islands = 'hub/dashboard/islands';

await madeAnew(join(root, 'dist'), join(root, 'reports/build'), async (fresh) => {
  compile('tsconfig.build.json', '--outDir', fresh);
  compile(`${islands}/tsconfig.json`, '--noEmit', 'false', '--outDir', join(fresh, islands));
  await copyAssets(fresh);
  const { bytes, packages } = await bundleAgent(join(fresh, 'agent/phlix-agent.mjs'));
  const kibibytes = Math.ceil(bytes / 1024);
  process.stdout.write(`agent/phlix-agent.mjs: ${kibibytes} KiB, with ${packages.join(', ')}\n`);
});

/** What is wrong with the types it says itself. */
function compile(project: string, ...options: string[]): void {
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status, error } = spawnSync(tsc, ['-p', project, ...options], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${project} does not compile; dist is as it was`);
}
