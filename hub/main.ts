#!/usr/bin/env node
// The process arrives: its words and its environment, read here and nowhere else; an exit code leaves.

import { runHub } from './cli/program.ts';

const { argv, env, stdout, stderr } = process;
const exitCode = await runHub(argv.slice(2), { environment: env, stdout, stderr });
await Promise.all([stdout, stderr].map(written));
// Whatever is still open belongs to nobody any more: a connection that will not close must not keep the process.
process.exit(exitCode);

/** A pipe takes 64 KiB at a time: what is longer, such as the API's document, would be cut off. */
async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    // Whoever read it has gone.
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
