// A damaged response arrives; our parser and llhttp read it, and what only ours refuses leaves by reason.

import type { Buffer } from 'node:buffer';

import { MessageError } from '../../shared/http/field-section.ts';
import {
  damagedResponse,
  readResponse,
  readResponseByNode,
  type ResponseReading,
} from '../support/response-readings.ts';
import type { Campaign, Tally } from './campaign.ts';
import { Disagreement } from './judgement.ts';

/** In front of the reasons in the tally. */
export const onlyOurs = 'only ours: ';

export class ResponseCampaign implements Campaign {
  readonly canShrink = true;
  #method = 'GET';

  make: Campaign['make'] = (random) => {
    const { method, chunks } = damagedResponse(random);
    this.#method = method;
    return chunks;
  };

  async judge(chunks: readonly Buffer[], tally: Tally): Promise<void> {
    const method = this.#method;
    const ours = readOurs(method, chunks);
    const theirs = await readResponseByNode(method, chunks);
    if ('refused' in ours) {
      tally.add(theirs === undefined ? 'refused by both' : `${onlyOurs}${ours.refused}`, 1);
      return;
    }
    tally.add('read alike', 1);
    if (JSON.stringify(ours) !== JSON.stringify(theirs))
      throw new Disagreement(
        `to ${method} ours reads\n  ${JSON.stringify(ours)}\nand llhttp\n  ${JSON.stringify(theirs)}`,
      );
  }

  stop(): void {}
}

function readOurs(
  method: string,
  chunks: readonly Buffer[],
): ResponseReading | { refused: string } {
  try {
    return readResponse(method, chunks) ?? { refused: 'not whole' };
  } catch (error) {
    if (error instanceof MessageError) return { refused: error.message };
    throw error;
  }
}
