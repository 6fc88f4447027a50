// A target, a rate and a delay arrive as arguments; a shaped line runs as a program, out of the way of the process that measures.

import { parseArgs } from 'node:util';

import { Line } from './line.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    'bytes-per-second': { type: 'string' },
    'delay-ms': { type: 'string', default: '0' },
    port: { type: 'string', default: '0' },
  },
});
const [, host, port] = /^(.+):(\d+)$/.exec(values.target ?? '') ?? [];
if (host === undefined || port === undefined) {
  process.stderr.write('usage: main.ts --target HOST:PORT [--bytes-per-second N] [--delay-ms N]\n');
  process.exit(64);
}

const rate = values['bytes-per-second'];
const line = await Line.open({
  target: { host, port: Number(port) },
  bytesPerSecond: rate === undefined ? undefined : Number(rate),
  delayMs: Number(values['delay-ms']),
  port: Number(values.port),
});
process.stdout.write(`listening on 127.0.0.1:${line.port}\n`);
process.once('SIGTERM', () => process.exit(0));
