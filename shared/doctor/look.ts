// Looks arrive by their names, with what they look at; what each found leaves, in their order, within a time that somebody waits.

import { setTimeout as after } from 'node:timers/promises';

import { failure, unknown, type Finding, type Verdict } from './finding.ts';

/** Undefined: there is nothing of the kind here, so nothing to say. */
export type Look<Parts> = (parts: Parts) => Verdict | undefined | Promise<Verdict | undefined>;

export type Looks<Parts, Check extends string = string> = Readonly<Record<Check, Look<Parts>>>;

/** Somebody sits and waits for the table; the longest that any look waits for others by itself is 8 s. */
export const lookPatienceMs = 15_000;

/** All at once. A look that fails is a finding: nobody may take it for health. */
export async function lookAtAll<Parts>(
  looks: Looks<Parts>,
  parts: Parts,
  deadlineMs: number = lookPatienceMs,
): Promise<Finding[]> {
  const found = await Promise.all(
    Object.entries(looks).map(async ([check, look]) => {
      const verdict = await verdictOf(look, parts, deadlineMs);
      return verdict === undefined ? [] : [{ check, ...verdict }];
    }),
  );
  return found.flat();
}

async function verdictOf<Parts>(
  look: Look<Parts>,
  parts: Parts,
  deadlineMs: number,
): Promise<Verdict | undefined> {
  const done = new AbortController();
  const { signal } = done;
  const late = after(deadlineMs, tooLate(deadlineMs), { signal, ref: false });
  try {
    return await Promise.race([(async () => look(parts))(), late]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failure(
      `This could not be looked at: ${reason}`,
      'Mend what it says, and look again; the log may say more.',
    );
  } finally {
    done.abort();
    late.catch(() => undefined);
  }
}

function tooLate(deadlineMs: number): Verdict {
  return unknown(
    `Looking at this was not done within ${deadlineMs / 1000} seconds.`,
    'Look again when the machine has less to do.',
  );
}
