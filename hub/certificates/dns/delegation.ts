// A zone arrives; what is wrong with the way from its parent to its name servers leaves, in words for a registrar's form.

import type { Authoritative, NameServer, Zone } from './authoritative.ts';
import { DnsError } from './failure.ts';
import type { Finding } from './finding.ts';
import type { Delegation } from './provider.ts';
import { plainName } from './query.ts';

/** Every server has to answer for the zone, and the parent has to name the same ones. @throws DnsError */
export async function checkDelegation(
  dns: Authoritative,
  zone: Zone,
  signal: AbortSignal,
): Promise<Finding[]> {
  const states = await Promise.all(
    zone.servers.map(async (server) => ({
      server,
      trouble: await troubleOf(dns, server, zone, signal),
    })),
  );
  const broken = states.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble]));
  if (broken.length === zone.servers.length) {
    const message = `No name server of ${zone.apex} answers for it: ${broken.join('; ')}. At your registrar, enter the name servers that your DNS provider shows for the zone.`;
    return [{ severity: 'blocks', error: new DnsError('dns.not-delegated', message) }];
  }
  const findings = broken.map((trouble): Finding => {
    const message = `${trouble}. Others answer for ${zone.apex}, so proofs may still succeed; mend it, or take it out of the NS records.`;
    return { severity: 'warns', error: new DnsError('dns.not-delegated', message) };
  });
  const difference = await differenceAbove(dns, zone, signal);
  return difference === undefined ? findings : [...findings, difference];
}

/** What is missing before the public DNS asks this hub for a name in a zone of its own; undefined for other names. */
export function missingDelegation(
  delegations: readonly Delegation[],
  name: string,
  found: Zone | undefined,
): DnsError | undefined {
  const wanted = delegations.find(({ zone }) => name === zone || name.endsWith(`.${zone}`));
  if (wanted === undefined) return undefined;
  const named = new Set(found?.servers.map((server) => server.name));
  const isNamed = wanted.nameServers.some((server) => named.has(plainName(server.name)));
  if (found?.apex === wanted.zone && isNamed) return undefined;
  return new DnsError('dns.not-delegated', delegationAdvice([wanted]));
}

/** What to add above each zone, to be pasted. */
export function delegationAdvice(delegations: readonly Delegation[]): string {
  const zones = delegations.map(({ zone, nameServers }) => {
    const glue = nameServers
      .filter(({ name }) => name.endsWith(`.${zone}`))
      .flatMap(({ name, addresses }) => addresses.map((address) => addressRecord(name, address)));
    const records = [...nameServers.map(({ name }) => `${zone}. NS ${name}.`), ...glue];
    const parent = zone.split('.').slice(1).join('.');
    return `The public DNS does not lead to this hub for ${zone}: add to the zone ${parent} the records ${records.join(' and ')} and let UDP and TCP port 53 through to the hub.`;
  });
  return zones.join(' ');
}

function addressRecord(name: string, address: string): string {
  return `${name}. ${address.includes(':') ? 'AAAA' : 'A'} ${address}`;
}

async function troubleOf(
  dns: Authoritative,
  { name, addresses }: NameServer,
  { apex }: Zone,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (addresses.length === 0) return `The name server ${name} has no address`;
  let trouble = '';
  for (const address of addresses) {
    try {
      const reply = await dns.askServer(address, apex, 'SOA', signal);
      if (reply !== undefined) return undefined;
      trouble = `The name server ${name} (${address.host}) does not hold ${apex}`;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DnsError)) throw error;
      trouble ||= `The name server ${name} (${address.host}) does not answer`;
    }
  }
  return trouble;
}

async function differenceAbove(
  dns: Authoritative,
  zone: Zone,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const above = await dns.delegationOf(zone.apex, signal);
  if (above === undefined) return undefined;
  const own = zone.servers.map(({ name }) => plainName(name)).toSorted();
  if (above.join() === own.join()) return undefined;
  const message = `The zone above names other servers for ${zone.apex} (${above.join(', ')}) than the zone itself (${own.join(', ')}): make the two lists alike, at the registrar and in the NS records.`;
  return { severity: 'warns', error: new DnsError('dns.not-delegated', message) };
}
