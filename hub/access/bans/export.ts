// Bans arrive; text leaves that a firewall reads, so that it can do the same before a connection costs anything.

import type { Ban } from './ban.ts';

/**
 * For `nft -f -`, again and again: the table is made anew each time, with the drop in front of everything that accepts.
 * `timeout` ends a ban in the firewall too.
 */
export function nftablesText(bans: readonly Ban[], now: Date): string {
  const elements = (isIpv6: boolean): string =>
    bans
      .filter(({ network }) => network.includes(':') === isIpv6)
      .map((ban) => elementOf(ban, now))
      .join(', ');
  return `table inet phlix_hub
delete table inet phlix_hub
table inet phlix_hub {
${setText('banned4', 'ipv4_addr', elements(false))}${setText('banned6', 'ipv6_addr', elements(true))}  chain input {
    type filter hook input priority -10; policy accept;
    ip saddr @banned4 drop
    ip6 saddr @banned6 drop
  }
}
`;
}

function setText(name: string, type: string, elements: string): string {
  const content = elements === '' ? '' : `    elements = { ${elements} }\n`;
  // auto-merge: one ban may lie in another.
  return `  set ${name} {\n    type ${type}\n    flags interval, timeout\n    auto-merge\n${content}  }\n`;
}

function elementOf({ network, until }: Ban, now: Date): string {
  if (until === undefined) return network;
  const seconds = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000));
  return `${network} timeout ${seconds}s`;
}
