// The name of a kind of fuzzing arrives; it leaves, ready to make and judge cases.

import type { Campaign } from './campaign.ts';
import { Http1Campaign } from './http1-campaign.ts';
import { Http2Campaign } from './http2-campaign.ts';
import { ResponseCampaign } from './response-campaign.ts';

/** `corpus`: listed requests; `http1` and `http2`: requests made at random; `responses`: what an origin might answer. */
export const campaignNames = ['corpus', 'http1', 'http2', 'responses'] as const;
export type CampaignName = (typeof campaignNames)[number];

export function openCampaign(name: CampaignName): Campaign {
  if (name === 'http2') return new Http2Campaign();
  if (name === 'responses') return new ResponseCampaign();
  return new Http1Campaign(name === 'corpus' ? 'corpus' : 'random');
}
