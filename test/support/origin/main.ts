// A port arrives as argument; the test origin runs as a program of its own, so that a test can kill it.

import { startOrigin } from './origin.ts';

const { url } = await startOrigin(Number(process.argv[2] ?? 0));
process.stdout.write(`listening on ${url}\n`);
process.once('SIGTERM', () => process.exit(0));
