// A port and the program that should listen there arrive; the moment it accepts connections leaves, or how the program failed.

import { setTimeout as after } from 'node:timers/promises';

import { isListening } from '../../infra/quickstart/ports.ts';
import type { Program } from '../support/program.ts';

/** An nginx with ten thousand certificates reads them all first. */
const deadlineMs = 90_000;
const pollMs = 20;

/** @throws with the program's output when it ends, or the deadline passes, before the port answers */
export async function accepts(port: number, program: Program): Promise<void> {
  const end = program.ended.then(() => 'ended' as const);
  const deadline = performance.now() + deadlineMs;
  while (!(await isListening(port))) {
    const first = await Promise.race([end, after(pollMs, 'waited' as const)]);
    if (first === 'ended' || performance.now() > deadline) {
      throw new Error(`nothing listens on port ${port}:\n${program.output}`);
    }
  }
}
