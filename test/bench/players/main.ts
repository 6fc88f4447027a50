// A contender's port arrives; players leave that read whatever comes to them, on connections of their own; how much all of them got is printed.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '' },
    port: { type: 'string', default: '' },
    authority: { type: 'string', default: '' },
    /** How many read which path: `100:/a`. */
    read: { type: 'string', multiple: true, default: [] },
  },
});

/** Handshakes at once: more would only wait for each other. */
const comingAtOnce = 16;
const reportEveryMs = 100;

const ca = readFileSync(values.authority);
let bytes = 0;

const paths = values.read.flatMap((wish) => {
  const [count, path = '/'] = wish.split(':');
  return Array.from({ length: Number(count) }, () => path);
});
const waiting = paths.values();
await Promise.all(Array.from({ length: comingAtOnce }, playInTurn));
process.stdout.write('all playing\n');
setInterval(() => process.stdout.write(`${JSON.stringify({ bytes })}\n`), reportEveryMs);

async function playInTurn(): Promise<void> {
  for (const path of waiting) await play(path);
}

async function play(path: string): Promise<void> {
  const request = get({
    host: '127.0.0.1',
    port: values.port,
    path,
    servername: values.host,
    headers: { host: `${values.host}:${values.port}` },
    ca,
    agent: new Agent(),
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`);
  // What it should have got and did not would make everything cheaper than it is.
  response.on('close', () => process.exit(1));
  response.on('data', (chunk: Buffer) => (bytes += chunk.length));
}
