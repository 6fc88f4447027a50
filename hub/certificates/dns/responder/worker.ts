// The responder's thread. What it is born with arrives from the hub, questions from strangers; answers leave, and no packet can hold up the hub.

import type { Buffer } from 'node:buffer';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import { answerTo, type Way } from './answering.ts';
import { Doors, ListenRefused } from './doors.ts';
import type { Birth, Contents, FromThread, ToThread } from './thread-words.ts';
import { Zone } from './zone.ts';

const birth = workerData as Birth;
const counts = { asked: 0, answered: 0, limited: 0 };
let zones = zonesWith(birth.contents);

giveWay();
await listen();

async function listen(): Promise<void> {
  try {
    const { listen, sharing, limits } = birth;
    const onLimited = (): void => void (counts.limited += 1);
    const doors = await Doors.open({ listen, sharing, limits, answer, onLimited });
    parentPort?.on('message', (words: ToThread) => obey(words, doors));
    tell({ kind: 'listening', addresses: doors.addresses });
  } catch (error) {
    if (!(error instanceof ListenRefused)) throw error;
    tell({ kind: 'refused', refusal: error.refusal });
  }
}

function obey(words: ToThread, doors: Doors): void {
  switch (words.kind) {
    case 'publish':
      zones = zonesWith(words.contents);
      tell({ kind: 'published', number: words.number });
      break;
    case 'ping':
      tell({ kind: 'pong', counts });
      break;
    case 'stop':
      void doors.close().then(() => parentPort?.close());
      break;
  }
}

/** A packet that found a bug costs its sender the answer, and nobody else the responder. */
function answer(message: Buffer, way: Way): Buffer | undefined {
  counts.asked += 1;
  try {
    const reply = answerTo(message, zones, { way, limits: birth.limits });
    if (reply !== undefined) counts.answered += 1;
    return reply;
  } catch (error) {
    tellFailure(error);
    return undefined;
  }
}

let failuresTold = 0;
/** The same packet can come a million times: the hub's log needs it once or twice. */
const maxFailuresTold = 10;

function tellFailure(error: unknown): void {
  failuresTold += 1;
  if (failuresTold > maxFailuresTold) return;
  tell({ kind: 'failure', stack: error instanceof Error ? String(error.stack) : String(error) });
}

function zonesWith({ records, serial }: Contents): Zone[] {
  return birth.zones.map((settings) => new Zone(settings, records, serial));
}

/** Of a contested core a quarter: enough for a thousand questions a second, and films keep the rest. */
const niceness = 5;

/** A flood may have what is left of the processor, and not what films need. On Linux this is the thread's own priority. */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, niceness);
  } catch {
    // A container may forbid even this; the answers are the same.
  }
}

function tell(words: FromThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(words);
}
