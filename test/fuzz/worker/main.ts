// A share of each campaign's cases arrives; they are judged one by one, and what was counted and what failed leaves.

import type { Buffer } from 'node:buffer';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

import { seededRandom, type Random } from '../../support/random.ts';
import { Tally, type Campaign } from '../campaign.ts';
import { campaignNames, openCampaign, type CampaignName } from '../campaigns.ts';
import { shrink } from '../shrink.ts';

export interface Share {
  readonly seed: number;
  /** Case numbers: from this one on, every `step`th below `counts`. */
  readonly first: number;
  readonly step: number;
  readonly counts: Readonly<Record<CampaignName, number>>;
}

export interface Failure {
  readonly campaign: CampaignName;
  readonly at: number;
  readonly message: string;
  /** latin1. */
  readonly pieces: readonly string[];
}

export interface Judged {
  readonly campaign: CampaignName;
  readonly cases: number;
  readonly milliseconds: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
}

/** More of them are more of the same. */
const maxFailures = 3;

if (!isMainThread) {
  const share = workerData as Share;
  for (const name of campaignNames) {
    const judged = await judgeShare(name, share);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    parentPort?.postMessage(judged);
  }
  // Idle connections of the campaigns' servers would keep the thread.
  process.exit(0);
}

async function judgeShare(name: CampaignName, share: Share): Promise<Judged> {
  const campaign = openCampaign(name);
  const tally = new Tally();
  const failures: Failure[] = [];
  const startedAt = performance.now();
  let cases = 0;
  for (let at = share.first; at < share.counts[name]; at += share.step) {
    if (failures.length >= maxFailures) break;
    cases += 1;
    const pieces = campaign.make(randomOf(share.seed, name, at), at);
    const message = await failureOf(campaign, pieces, tally);
    if (message === undefined) continue;
    const small = campaign.canShrink ? await smaller(campaign, pieces) : pieces;
    const told = (await failureOf(campaign, small, new Tally())) ?? message;
    const texts = small.map((piece) => piece.toString('latin1'));
    failures.push({ campaign: name, at, message: told, pieces: texts });
  }
  campaign.stop();
  const milliseconds = performance.now() - startedAt;
  return { campaign: name, cases, milliseconds, counts: tally.counts, failures };
}

/** Any error is a failure: nothing that strangers send may throw. */
async function failureOf(
  campaign: Campaign,
  pieces: readonly Buffer[],
  tally: Tally,
): Promise<string | undefined> {
  try {
    await campaign.judge(pieces, tally);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function smaller(campaign: Campaign, pieces: readonly Buffer[]): Promise<readonly Buffer[]> {
  return shrink(
    pieces,
    async (some) => (await failureOf(campaign, some, new Tally())) !== undefined,
  );
}

/** Each case has numbers of its own, so that it can be made again alone. */
function randomOf(seed: number, name: CampaignName, at: number): Random {
  const mixed =
    Math.imul(seed, 0x9e3779b1) ^ Math.imul(campaignNames.indexOf(name) + 1, 0x85ebca6b);
  return seededRandom((mixed ^ Math.imul(at + 1, 0xc2b2ae35)) | 0);
}
