// A part of what the doctor looks at arrives; a process of its own looks and tells the hub, and what came of it leaves. The memory goes with it: 18 MB that a NAS has better use for.

import { z } from 'zod';

import type { CheckupPart } from '../shared/doctor/checkup.ts';
import type { CheckedUp } from './checkups.ts';

/** The looks have 40 s, the telling as many, and Node on a busy NAS some more to begin. */
const patienceMs = 100_000;
const maxAnswerBytes = 64 * 1024;

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
  const options = { signal, timeout: patienceMs, maxBuffer: maxAnswerBytes };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, options, (error, stdout, stderr) => {
      if (error !== null)
        return reject(new Error(stderr.trim() || error.message, { cause: error }));
      const { reachesOrigin, told } = answer.parse(JSON.parse(stdout));
      const whole =
        told.kind === 'kept'
          ? { kind: told.kind, lineAgeMs: told.lineAgeMs }
          : { kind: told.kind, status: told.status, waitMs: told.waitMs };
      return resolve({ told: whole, reachesOrigin });
    });
  });
}
