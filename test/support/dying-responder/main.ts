// The responder's thread, and a record that kills it: published under `die.`, its value says how.

import { parentPort } from 'node:worker_threads';

import type { ToThread } from '../../../hub/certificates/dns/responder/thread-words.ts';
import '../../../hub/certificates/dns/responder/worker.ts';

parentPort?.on('message', (words: ToThread) => {
  const order =
    words.kind === 'publish' &&
    words.contents.records.find(({ name }) => name.startsWith('die.'))?.value;
  if (order === 'throw') throw new Error('as it was told');
  if (order === 'memory') exhaustMemory();
  // Only whoever started it can end this.
  if (order === 'stuck') for (;;);
});

/** In pieces, as a leak does it: one request that cannot be met at all ends the whole process, whatever thread made it. */
function exhaustMemory(): never {
  const held: number[][] = [];
  for (;;) held.push(Array.from<number>({ length: 10_000 }).fill(held.length));
}
