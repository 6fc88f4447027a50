// The agent's sources arrive; `dist/agent/phlix-agent.mjs` leaves: what its image and its download are.

import { fileURLToPath } from 'node:url';

import { bundleAgent } from './agent-bundle.ts';

const path = fileURLToPath(new URL('../../dist/agent/phlix-agent.mjs', import.meta.url));
const { bytes, packages } = await bundleAgent(path);
process.stdout.write(
  `dist/agent/phlix-agent.mjs: ${Math.ceil(bytes / 1024)} KiB, with ${packages.join(', ')}\n`,
);
