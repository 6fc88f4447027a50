// The ways to the hub arrive; what stands on them leaves: name, proxy, both ports, TLS that somebody opens, clocks, packets that are too large.

import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

import { clockVerdict } from '../../shared/doctor/clock.ts';
import {
  explained,
  failure,
  ok,
  unknown,
  warning,
  type Verdict,
} from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { isLoopbackName } from '../dialling/resolve.ts';
import type { HubWays, Surroundings } from './surroundings.ts';
import type { Visited } from './way.ts';

export const wayLooks = {
  'dns.hub': lookAtName,
  'net.proxy': withWays(lookAtProxy),
  'reach.tunnel': withWays(lookAtTunnel),
  'reach.https': withWays(lookAtSite),
  'tls.interception': withWays(lookForInterception),
  'clock.offset': withWays(lookAtClock),
  'net.mtu': withWays(lookAtPackets),
} satisfies Looks<Surroundings>;

type WayLook = (
  ways: HubWays,
  here: Surroundings,
) => Verdict | undefined | Promise<Verdict | undefined>;

/** Where the hub's name leads nowhere, dns.hub has said all there is to say. */
function withWays(look: WayLook): (here: Surroundings) => Promise<Verdict | undefined> {
  return async (here) => {
    const ways = await here.ways();
    return ways.site.failure?.code === 'hub.unresolved' ? undefined : look(ways, here);
  };
}

async function lookAtName({ config: { hub } }: Surroundings): Promise<Verdict> {
  if (hub.proxy !== undefined) return ok(`${hub.hostname} is looked up by the proxy.`);
  if (isIP(hub.hostname) !== 0 || isLoopbackName(hub.hostname))
    return ok(`${hub.hostname} needs no DNS.`);
  try {
    const addresses = (await lookup(hub.hostname, { all: true })).map(({ address }) => address);
    return ok(`${hub.hostname} is ${addresses.join(', ')}.`);
  } catch {
    return failure(
      `The name ${hub.hostname} does not resolve.`,
      "Check PHLIX_HUB_URL and this machine's DNS.",
    );
  }
}

function lookAtProxy({ site }: HubWays, { config: { hub } }: Surroundings): Verdict {
  if (hub.proxy === undefined) return ok('No proxy stands in between.');
  if (site.failure?.code.startsWith('proxy.') === true)
    return explained('failure', site.failure.message);
  return ok(`The proxy ${hub.proxy.url} passes connections to the hub.`);
}

/** One open door is enough: a blocked one beside it costs nothing but the choice. */
function lookAtTunnel({ site, tunnel }: HubWays): Verdict | undefined {
  if (tunnel.length === 0)
    return site.failure === undefined
      ? ok('The hub takes tunnels at its own address only.')
      : undefined;
  const failed = tunnel.find((one) => one.failure !== undefined);
  const ports = tunnel.map(({ door }) => door.port).join(', ');
  if (failed?.failure === undefined) return ok(`The tunnel's own door is open: port ${ports}.`);
  const isOther =
    tunnel.some((one) => one.failure === undefined) ||
    (site.failure === undefined && site.isUnbound !== true);
  return explained(isOther ? 'warning' : 'failure', failed.failure.message);
}

/** The one port that no network blocks. */
function lookAtSite({ site, tunnel }: HubWays): Verdict {
  const { door, failure: reason, isUnbound } = site;
  const others = tunnel.filter((one) => one.failure === undefined);
  if (reason !== undefined)
    return explained(others.length > 0 ? 'warning' : 'failure', reason.message);
  if (isUnbound !== true) return ok(`${door.url} answers, and takes tunnels too.`);
  return ok(
    `${door.url} answers; a proxy of the hub's own ends TLS there, so tunnels go by port ${others.map((one) => one.door.port).join(', ') || 'none'}.`,
  );
}

function lookForInterception(
  { site, tunnel }: HubWays,
  { config: { hub, verifiesCertificate } }: Surroundings,
): Verdict {
  const all = [site, ...tunnel];
  const untrusted = all.find((one) => one.failure?.code === 'hub.certificate');
  if (untrusted !== undefined) return strangersCertificate(untrusted);
  const cut = all.find((one) => one.isOneChannel === false);
  if (cut !== undefined)
    return failure(
      `Somebody between this machine and ${hub.hostname}:${cut.door.port} opens TLS: the hub sees another connection than this machine, though its certificate is trusted here.`,
      `Have the firewall, proxy or virus scanner leave ${hub.hostname} alone: it reads what passes, and what the agent signs is worth nothing through it.`,
    );
  if (all.every((one) => one.failure !== undefined))
    return unknown('No TLS connection came about, so nobody can have opened one.');
  if (!all.some((one) => one.isOneChannel === true))
    return verifiesCertificate
      ? ok('The certificate that is shown is trusted.')
      : unknown('The certificate is not checked (PHLIX_TLS_ENABLED=0).');
  return ok('TLS ends at the hub itself.');
}

function strangersCertificate({ door, shown, failure: reason }: Visited): Verdict {
  if (shown === undefined) return explained('failure', reason?.message ?? 'no certificate');
  return failure(
    `At ${door.hostname}:${door.port} a certificate for ${shown.subject} is shown, issued by ${shown.issuer}, and nothing here vouches for it.`,
    `If that is a firewall, a proxy or a virus scanner, have it leave ${door.hostname} alone. If it is the hub's own authority, set PHLIX_HUB_CA_FILE to its certificate.`,
  );
}

function lookAtClock({ site, tunnel }: HubWays, here: Surroundings): Verdict {
  const date = [site, ...tunnel].find(({ tunnel: answer }) => answer?.date !== undefined)?.tunnel
    ?.date;
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs))
    return unknown(
      'The hub did not say what time it is.',
      'Compare this machine’s clock (date -u) with another one.',
    );
  return clockVerdict(theirs - here.now.getTime(), "the hub's");
}

/** RFC 8200 §5: what IPv6 must be able to send whole. */
const leastMtu = 1280;
const mtuRemedy =
  'Look for a VPN, a tunnel or PPPoE on the way, and lower the MTU of this machine to 1400, or 1280: ip link set dev eth0 mtu 1400. Firewalls on the way must let ICMP "packet too big" through.';

async function lookAtPackets({ site, tunnel }: HubWays, here: Surroundings): Promise<Verdict> {
  const all = [site, ...tunnel];
  const lost = all.find((one) => one.losesLarge === true);
  if (lost !== undefined)
    return failure(
      `Port ${lost.door.port} of ${lost.door.hostname} takes connections, and what is said on them gets lost: most likely packets that are too large for the way.`,
      mtuRemedy,
    );
  const measured = await here.measured().catch(() => undefined);
  if (measured?.kind === 'stalled')
    return failure(
      `Small packets reach the hub and large ones ${measured.direction === 'up' ? 'do not' : 'do not come back'}.`,
      mtuRemedy,
    );
  const address = all.find(({ localAddress }) => localAddress !== undefined)?.localAddress;
  const card = address === undefined ? undefined : cardOf(address);
  if (card === undefined) return unknown('No connection came about, so no packet was too large.');
  const mtu = await mtuOf(card, here.machine.networks);
  if (mtu !== undefined && mtu < leastMtu)
    return warning(
      `${card} sends packets of ${mtu} bytes at most.`,
      `Raise its MTU to ${leastMtu} or more: ip link set dev ${card} mtu 1400.`,
    );
  return ok(`Packets pass whole${mtu === undefined ? '' : `: ${card} sends up to ${mtu} bytes`}.`);
}

function cardOf(address: string): string | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return Object.entries(networkInterfaces()).find(([, found]) =>
    found?.some((one) => one.address === plain),
  )?.[0];
}

async function mtuOf(card: string, networks: string): Promise<number | undefined> {
  const text = await readFile(join(networks, card, 'mtu'), 'utf8').catch(() => '');
  return text === '' ? undefined : Number(text);
}
