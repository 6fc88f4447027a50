// The HUB_ settings about proxies in front arrive; who is believed leaves, or why nobody should be.

import type { z } from 'zod';

import { parseNetwork, type Network } from '../../shared/net-address.ts';
import { flag, list } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';

const networks = list(
  {
    expected: 'networks, separated by commas',
    remedy: 'write 192.0.2.7, 10.0.0.0/24 or 2001:db8::/64, with no bits set behind the prefix',
  },
  parseNetwork,
);

export const proxySettings = {
  HUB_TRUSTED_PROXIES: networks.default([]),
  HUB_TRUSTED_PROXIES_ALLOW_WIDE: flag().default(false),
  HUB_PROXY_PROTOCOL: flag().default(false),
  HUB_TRUSTED_NETWORKS: networks.default([]),
} as const;

type ProxySettings = z.output<z.ZodObject<typeof proxySettings>>;

/** A network that ends in /0 is everybody, and nobody's home. */
export function trustProblems(settings: ProxySettings): SettingProblem[] {
  return settings.HUB_TRUSTED_NETWORKS.filter(({ prefix }) => prefix === 0).map(
    ({ address, prefix }) => ({
      name: 'HUB_TRUSTED_NETWORKS',
      expected: `${address}/${prefix} is every address there is`,
      remedy: 'list the networks that your own people sign in from',
    }),
  );
}

/** HUB_TRUSTED_PROXIES_ALLOW_WIDE is there for these; whether it is wise, the doctor asks. */
export function hasWideNetwork({ HUB_TRUSTED_PROXIES }: ProxySettings): boolean {
  return HUB_TRUSTED_PROXIES.some(isWide);
}

function isWide({ family, prefix }: Network): boolean {
  return prefix < (family === 'ipv4' ? 24 : 56);
}

/** security.md A-15: whoever sits in a trusted network chooses the address that bans and limits see. */
export function proxyProblems(settings: ProxySettings): SettingProblem[] {
  if (settings.HUB_PROXY_PROTOCOL && settings.HUB_TRUSTED_PROXIES.length === 0) {
    const expected = 'PROXY headers are believed from HUB_TRUSTED_PROXIES only, and it is empty';
    const remedy = 'list the addresses of your proxies in HUB_TRUSTED_PROXIES, or unset this';
    return [{ name: 'HUB_PROXY_PROTOCOL', expected, remedy }];
  }
  return settings.HUB_TRUSTED_PROXIES.flatMap((network) => {
    const { address, prefix } = network;
    const isAllowed = !isWide(network) || (settings.HUB_TRUSTED_PROXIES_ALLOW_WIDE && prefix > 0);
    if (isAllowed) return [];
    const remedy =
      prefix === 0
        ? 'list the addresses of your proxies'
        : 'list the addresses of your proxies, or set HUB_TRUSTED_PROXIES_ALLOW_WIDE=1 if all of it is yours';
    const expected = `${address}/${prefix} trusts everyone in it to name any client address`;
    return [{ name: 'HUB_TRUSTED_PROXIES', expected, remedy }];
  });
}
