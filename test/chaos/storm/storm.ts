// A list of faults arrives; each strikes a stage full of viewers, and what all of it cost leaves.

import { Audience } from './audience.ts';
import { faults, type FaultName } from './faults.ts';
import { Newcomer } from './newcomer.ts';
import { Stage, type StageOptions } from './stage.ts';

/** What one fault did. */
export interface Struck {
  readonly fault: FaultName;
  /** Downloads for which bytes moved when it struck. */
  readonly underWay: number;
  /** Of those, the ones that lost their link or their origin's connection and were resumed by the hub. */
  readonly cut: number;
  /** Resumed by their viewers, since their hub was killed. */
  readonly replayed: number;
  /** The longest wait for a first byte of anybody who came while it lasted. */
  readonly firstByteMs: number;
}

export interface StormResult {
  readonly struck: readonly Struck[];
  readonly downloads: number;
  readonly postponed: number;
  readonly failed: readonly string[];
  readonly altered: readonly string[];
  /** From the hub's log. */
  readonly notResumed: readonly string[];
}

export interface StormOptions {
  readonly plan: readonly FaultName[];
  readonly stage: StageOptions;
  readonly onStruck: (struck: Struck) => void;
}

export async function storm(options: StormOptions): Promise<StormResult> {
  const stage = await Stage.open(options.stage);
  try {
    const audience = new Audience(stage.door);
    const struck: Struck[] = [];
    for (const [at, fault] of options.plan.entries()) {
      const begun = await strike(fault, stage, audience);
      // What a buffer still held at the strike is cut later; all of it is counted before the next one.
      if (at === options.plan.length - 1) await audience.leave();
      else await audience.isReady();
      const cost = begun.cost();
      struck.push(cost);
      options.onStruck(cost);
    }
    const { downloads, postponed, failed, altered } = audience.tally;
    return { struck, downloads, postponed, failed, altered, notResumed: stage.notResumed };
  } finally {
    await stage.close();
  }
}

/** Resolves when somebody new gets his answer again. */
async function strike(
  fault: FaultName,
  stage: Stage,
  audience: Audience,
): Promise<{ cost: () => Struck }> {
  const underWay = await audience.isReady();
  const [cutBefore, replayedBefore] = [stage.resumed, audience.tally.resumedByViewers];
  const newcomer = new Newcomer(stage.door);
  await faults[fault].strike(stage, audience);
  await newcomer.stop();
  audience.tally.altered.push(
    ...Array.from({ length: newcomer.wrong }, () => `newcomer: ${fault}`),
  );
  const cost = (): Struck => ({
    fault,
    underWay,
    cut: stage.resumed - cutBefore,
    replayed: audience.tally.resumedByViewers - replayedBefore,
    firstByteMs: newcomer.worstMs,
  });
  return { cost };
}
