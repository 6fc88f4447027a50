// The names of hub and servers arrive; whether the DNS leads them here leaves, by the word of each resolver and of the zone's own servers.

import { randomBytes } from 'node:crypto';
import { getServers } from 'node:dns';

import { failure, ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { parseAddress } from '../../shared/net-address.ts';
import { Authoritative } from '../certificates/dns/authoritative.ts';
import { ResolverQuestions } from '../tunnels/domains/resolver.ts';
import type { Premises } from './premises.ts';

/** For all questions about one name together. */
const patienceMs = 7000;

export const nameLooks = {
  'dns.hub': (premises) => lookAtName(premises, premises.config.hubHost, premises.config.hubHost),
  'dns.wildcard': (premises) => {
    const { tenantDomain } = premises.config;
    // A name that nobody has: only a wildcard answers for it.
    const unused = `doctor-${randomBytes(4).toString('hex')}.${tenantDomain}`;
    return lookAtName(premises, unused, `*.${tenantDomain}`);
  },
} satisfies Looks<Premises>;

/** `asked` is the question, `named` what people call it. */
async function lookAtName(premises: Premises, asked: string, named: string): Promise<Verdict> {
  if (isLocal(asked)) return ok(`${named} is this machine without any DNS (RFC 6761).`);
  const opinions = await opinionsOn(asked, premises);
  const heard = opinions.filter(({ addresses }) => addresses !== undefined);
  if (heard.length === 0)
    return failure(
      `No resolver answers for ${named} (asked: ${opinions.map(({ who }) => who).join(', ') || 'none is set'}).`,
      'Check /etc/resolv.conf and that the firewall lets DNS out, or set HUB_DNS_RESOLVERS.',
    );
  const known = heard.filter(({ addresses = [] }) => addresses.length > 0);
  const own = premises.machine.addresses;
  if (known.length === 0)
    return failure(
      `${named} has no address in the DNS.`,
      `At your DNS provider, set an A record (AAAA for IPv6) for ${named} that leads to this machine${own.length > 0 ? ` (its interfaces have ${own.join(', ')})` : ''}.`,
    );
  const sets = new Set(heard.map(({ addresses = [] }) => addresses.toSorted().join(', ')));
  if (sets.size > 1)
    return warning(
      `Not everybody says the same of ${named}: ${heard.map(({ who, addresses = [] }) => `${who} says ${addresses.join(', ') || 'no address'}`).join('; ')}.`,
      'After a change wait until the time to live of the old record is over; if it stays so, correct the zone at your DNS provider.',
    );
  return placed(named, known[0]?.addresses ?? [], premises);
}

/** Whether they are this machine's. Behind a router or a load balancer they are not, and lead here all the same: reach.https tells. */
function placed(named: string, addresses: readonly string[], { machine }: Premises): Verdict {
  const own = new Set(machine.addresses);
  const strange = addresses.filter((address) => !own.has(parseAddress(address) ?? address));
  if (strange.length === 0) return ok(`${named} leads to ${addresses.join(', ')}, this machine.`);
  const isBehindRouter = machine.addresses.every(isPrivate);
  if (isBehindRouter && !strange.every(isPrivate))
    return ok(`${named} leads to ${addresses.join(', ')}, in front of this machine.`);
  return warning(
    `${named} leads to ${strange.join(', ')}, which is no address of this machine (${machine.addresses.join(', ') || 'it has none'}).`,
    'If a proxy or a router with that address stands in front, all is well as long as reach.https is; else correct the record at your DNS provider.',
  );
}

interface Opinion {
  readonly who: string;
  /** Undefined: it does not answer. */
  readonly addresses: readonly string[] | undefined;
}

async function opinionsOn(name: string, { config }: Premises): Promise<Opinion[]> {
  const signal = AbortSignal.timeout(patienceMs);
  const resolvers = config.dnsResolvers ?? getServers();
  const asked = resolvers.map(async (who): Promise<Opinion> => {
    return { who, addresses: await new ResolverQuestions([who]).addresses(name, signal) };
  });
  const own = ownOpinion(name, { resolvers, signal, isAsked: !config.asksResolversOnly });
  const all = await Promise.all([...asked, own]);
  return all.filter((opinion) => opinion !== undefined);
}

/** With no cache in between. Where they cannot be asked, the resolvers say enough. */
async function ownOpinion(
  name: string,
  asked: { resolvers: readonly string[]; signal: AbortSignal; isAsked: boolean },
): Promise<Opinion | undefined> {
  if (!asked.isAsked) return undefined;
  try {
    const zone = new Authoritative({ resolvers: asked.resolvers });
    const found = await Promise.all([
      zone.find(name, 'A', asked.signal),
      zone.find(name, 'AAAA', asked.signal),
    ]);
    const addresses = found.flatMap(({ records }) =>
      records.flatMap((record) =>
        record.type === 'A' || record.type === 'AAAA' ? [record.data] : [],
      ),
    );
    return { who: 'the zone itself', addresses };
  } catch {
    return undefined;
  }
}

function isLocal(name: string): boolean {
  return /(^|\.)localhost$/.test(name);
}

/** RFC 1918, RFC 6598, RFC 4193 and what never leaves the machine. */
function isPrivate(address: string): boolean {
  return /^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|f[cd]|fe[89ab])/i.test(
    address,
  );
}
