// A hub's address and a file of tokens arrive; one process full of idle agents leaves, each enrolled and connected.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Agent } from '../../../agent/agent.ts';
import { readConfig } from '../../../agent/config.ts';
import { createLogger } from '../../../shared/log.ts';
import { Secret } from '../../../shared/settings/secret.ts';

const { values } = parseArgs({
  options: {
    'hub-url': { type: 'string', default: '' },
    'authority-file': { type: 'string', default: '' },
    'tokens-file': { type: 'string', default: '' },
    folder: { type: 'string', default: '' },
  },
});

const tokens = readFileSync(values['tokens-file'], 'utf8').trim().split('\n');
let connected = 0;
const log = createLogger({ level: 'info', name: 'bench' }, { write: onLog });
for (const [index, token] of tokens.entries()) start(token, join(values.folder, String(index)));

function onLog(line: string): void {
  if (!line.includes('"your server is reachable"')) return;
  connected += 1;
  if (connected === tokens.length) process.stdout.write('all connected\n');
}

function start(token: string, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = readConfig({
    PHLIX_HUB_URL: values['hub-url'],
    PHLIX_HUB_CA_FILE: values['authority-file'],
    PHLIX_STATE_DIR: folder,
  });
  const readToken = (): Secret => new Secret(token);
  const agent = new Agent({ config, version: '0.0.0', log, readToken, leftoverTokens: [] });
  void agent.run(new AbortController().signal);
}
