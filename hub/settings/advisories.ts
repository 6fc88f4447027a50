// The settings of a list of known holes arrive, which nobody fetches unless they are set; where it is and who signs it leave (security row E-12).

import type { z } from 'zod';

import { setting } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import { parseMinisignKey, type MinisignKey } from '../doctor/minisign.ts';

export interface FeedSettings {
  readonly url: string;
  readonly signer: MinisignKey;
}

export const advisorySettings = {
  HUB_ADVISORY_FEED: setting(
    {
      expected: 'the address of a signed list of holes',
      remedy:
        'write https://example.org/advisories.json, with its signature at the same address and .minisig behind it',
    },
    (text) => {
      const url = URL.parse(text.trim());
      const isPlain = url?.username === '' && url.password === '';
      return url?.protocol === 'https:' && isPlain ? url.href : undefined;
    },
  ).optional(),
  HUB_ADVISORY_SIGNER: setting(
    {
      expected: 'the public key of minisign that the list is signed with',
      remedy: 'write the line of minisign.pub that begins with RW',
    },
    parseMinisignKey,
  ).optional(),
} as const;

type Settings = z.output<z.ZodObject<typeof advisorySettings>>;

export function advisoryProblems(settings: Settings): SettingProblem[] {
  const { HUB_ADVISORY_FEED: feed, HUB_ADVISORY_SIGNER: signer } = settings;
  if ((feed === undefined) === (signer === undefined)) return [];
  return [
    {
      name: feed === undefined ? 'HUB_ADVISORY_FEED' : 'HUB_ADVISORY_SIGNER',
      expected:
        'HUB_ADVISORY_FEED and HUB_ADVISORY_SIGNER together: a list that nobody vouches for is not believed',
      remedy: 'set both, or none',
    },
  ];
}

export function feedOf(settings: Settings): FeedSettings | undefined {
  const { HUB_ADVISORY_FEED: url, HUB_ADVISORY_SIGNER: signer } = settings;
  return url === undefined || signer === undefined ? undefined : { url, signer };
}
