// A part of what the doctor looks at arrives; a process of its own looks and tells the hub, and what came of it leaves. The memory goes with it: 18 MB that a NAS has better use for.

import { addAbortListener } from 'node:events';

import { z } from 'zod';

import type { CheckupPart } from '../shared/doctor/checkup.ts';
import type { CheckedUp } from './checkups.ts';

/** The looks have 40 s, the telling as many, and Node on a busy NAS some more to begin. */
const patienceMs = 100_000;
const maxAnswerBytes = 64 * 1024;
/** It has nothing to tidy up, and may hang anywhere. */
const killSignal: NodeJS.Signals = 'SIGKILL';

const answer = z.object({
  reachesOrigin: z.boolean().optional(),
  told: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('kept'), lineAgeMs: z.number().optional() }),
    z.object({
      kind: z.literal('refused'),
      status: z.number(),
      waitMs: z.number().optional(),
    }),
  ]),
});

/** `phlix-agent doctor --tell`, by this program, in this environment. Rejects when it fails, or when the signal aborts. */
export async function checkUpApart(part: CheckupPart, signal: AbortSignal): Promise<CheckedUp> {
  const { execFile } = await import('node:child_process');
  const [, script = ''] = process.argv;
  const words = [...process.execArgv, script, 'doctor', '--tell', part];
  const options = { timeout: patienceMs, killSignal, maxBuffer: maxAnswerBytes };
  const stdout = await new Promise<string>((resolve, reject) => {
    const child = execFile(process.execPath, words, options, (error, said, complaint) => {
      stopped[Symbol.dispose]();
      if (error === null) resolve(said);
      else reject(new Error(complaint.trim() || error.message, { cause: error }));
    });
    // The option `signal` would ask it to end, and take it for gone.
    const stopped = addAbortListener(signal, () => child.kill(killSignal));
  });
  // Here, and not in the callback, where it would end the agent: an update may have put another version in this one's place.
  const { reachesOrigin, told } = answer.parse(JSON.parse(stdout));
  const whole =
    told.kind === 'kept'
      ? { kind: told.kind, lineAgeMs: told.lineAgeMs }
      : { kind: told.kind, status: told.status, waitMs: told.waitMs };
  return { told: whole, reachesOrigin };
}
