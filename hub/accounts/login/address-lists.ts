// The networks that a person may sign in from arrive as text; one spelling of each leaves, and whether an address lies in them (rows A-14, E-20).

import { CidrSet, NetAddressError, parseNetwork } from '../../../shared/net-address.ts';
import { AccountError } from '../account-error.ts';

/** More than any household has; enough for an office with its VPNs. */
const maxNetworks = 50;

export interface NetworkWish {
  readonly networks: readonly string[];
  /** Who asks, and from where: a list that shuts him out needs his name typed. */
  readonly account: { readonly username: string };
  readonly address: string | undefined;
  /** As it was typed to confirm. */
  readonly confirm?: string | undefined;
}

/** Canonical, each once. @throws AccountError account.network | account.unconfirmed */
export function requireNetworks(wish: NetworkWish): string[] {
  const { account, address, confirm } = wish;
  const networks = parseNetworks(wish.networks);
  const isOpenToAll = networks.some((network) => network.endsWith('/0'));
  const shutsOut = !mayComeFrom(networks, address);
  if ((shutsOut || isOpenToAll) && confirm !== account.username) {
    const reason = shutsOut
      ? `with this list you could not sign in from where you are now (${address ?? 'an address the hub does not know'})`
      : 'a network that ends in /0 is every address, so that such a list limits nothing';
    throw new AccountError(
      'account.unconfirmed',
      `${reason}: change the list, or type the account's name, ${account.username}, to have it so`,
    );
  }
  return networks;
}

/** @throws AccountError account.network */
function parseNetworks(texts: readonly string[]): string[] {
  if (texts.length > maxNetworks) {
    throw new AccountError('account.network', `at most ${maxNetworks} networks: join some of them`);
  }
  return [...new Set(texts.map(canonical))];
}

function canonical(text: string): string {
  try {
    const { address, prefix } = parseNetwork(text);
    return `${address}/${prefix}`;
  } catch (error) {
    if (!(error instanceof NetAddressError)) throw error;
    throw new AccountError('account.network', error.message, { cause: error });
  }
}

/** An empty list limits nothing. Whoever is unknown is in no network. */
export function mayComeFrom(networks: readonly string[], address: string | undefined): boolean {
  if (networks.length === 0) return true;
  return address !== undefined && new CidrSet(networks.map(parseNetwork)).has(address);
}
