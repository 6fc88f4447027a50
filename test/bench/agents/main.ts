// A hub's address and a file of enrolled agents arrive; one process leaves that holds the link of each, and prints how many stand.

import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { readConfig } from '../../../agent/config.ts';
import type { Enrolled } from '../../../agent/credentials.ts';
import { Slots } from '../../../agent/slots.ts';
import { makeUplink } from '../../../agent/uplink.ts';
import { Backoff } from '../../../shared/backoff.ts';
import { createLogger } from '../../../shared/log.ts';
import type { EnrolledAgent } from './enrol.ts';
import type { CrowdReport } from './crowd.ts';

const { values } = parseArgs({
  options: {
    'hub-url': { type: 'string', default: '' },
    'tunnel-url': { type: 'string', default: '' },
    'authority-file': { type: 'string', default: '' },
    'agents-file': { type: 'string', default: '' },
  },
});

/** Often enough for a figure in seconds. */
const reportEveryMs = 100;
/** At the first start nothing is measured: agents come one after the other, without any that has to come again. */
const comingAtOnce = 16;

const enrolled = JSON.parse(readFileSync(values['agents-file'], 'utf8')) as EnrolledAgent[];
const authority = readFileSync(values['authority-file'], 'utf8');
const config = readConfig({
  PHLIX_HUB_URL: values['hub-url'],
  PHLIX_HUB_CA_FILE: values['authority-file'],
  PHLIX_LINKS: '1',
});
const log = createLogger({ level: 'silent', name: 'bench' });
const never = new AbortController().signal;
const failures: Record<string, number> = {};
let linked = 0;
let reported = '';

const waiting = enrolled.values();
for (let lane = 0; lane < comingAtOnce; lane += 1) void connectInTurn();
setInterval(report, reportEveryMs);

/** Each when the one before it has its link: 10,000 agents of real homes do not start in the same second either. */
async function connectInTurn(): Promise<void> {
  for (const agent of waiting) await connect(agent);
}

/** The links of the product's agent, and nothing else of it: its watch over the network and its status socket cost the hub nothing. */
async function connect({ agentId, serverId, privateKey }: EnrolledAgent): Promise<void> {
  const first = Promise.withResolvers<void>();
  const identity: Enrolled = {
    state: 'enrolled',
    hubUrl: values['hub-url'],
    agentId,
    serverId,
    tunnelUrls: [values['tunnel-url']],
    privateKey: createPrivateKey(privateKey),
    formerKeys: [],
    caPem: authority,
  };
  const links = await makeUplink({
    config,
    keys: { identity, guard: async (attempt) => attempt() },
    epoch: BigInt(Date.now()),
    slots: new Slots(),
    software: 'phlix-agent/0.0.0',
    deadlineMs: 10_000,
    log,
    backoff: () => new Backoff(),
    onStream: (stream) => stream.destroy(),
    onAddresses: () => undefined,
    onUp: () => {
      linked += 1;
      first.resolve();
    },
    onDown: () => (linked -= 1),
    onFailure: ({ code }) => (failures[code] = (failures[code] ?? 0) + 1),
  });
  void links.run(never);
  await first.promise;
}

function report(): void {
  const state: CrowdReport = { linked, failures };
  const line = JSON.stringify(state);
  if (line === reported) return;
  reported = line;
  process.stdout.write(`${line}\n`);
}
