// A name arrives; the zone that holds it, its name servers and what they themselves say of the name leave, with no cache in between.

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { getServers } from 'node:dns';

import type { Answer } from 'dns-packet';

import { DnsError } from './failure.ts';
import {
  ask,
  describeServer,
  parseServer,
  plainName,
  sameName,
  type QuestionType,
  type QueryLimits,
  type Reply,
  type ServerAddress,
} from './query.ts';
import { isPlainName } from './zone-name.ts';

export interface NameServer {
  /** `ns1.example.net`. */
  readonly name: string;
  /** Empty: the name leads nowhere. */
  readonly addresses: readonly ServerAddress[];
}

export interface Zone {
  readonly apex: string;
  readonly servers: readonly NameServer[];
}

export interface AuthoritativeOptions {
  /** Resolvers (`9.9.9.9`, `127.0.0.1:5353`) that lead to the name servers; unset: the machine's own. */
  readonly resolvers?: readonly string[] | undefined;
  /**
   * True where port 53 outward is blocked or the zone is known to the resolvers alone: they are asked for the records
   * too. What an authority sees is then only guessed at.
   */
  readonly asksResolversOnly?: boolean | undefined;
  /** Of all name servers; another than 53 in tests only, as NS records carry no port. */
  readonly serverPort?: number | undefined;
  readonly limits?: QueryLimits | undefined;
}

/** The records of one type where a chain of aliases ends. */
export interface Found {
  readonly name: string;
  readonly records: readonly Answer[];
}

/** Resolvers follow eight to sixteen; a chain for a proof has one or two. */
const maxAliases = 8;
/** RFC 1035 names have at most 127 labels; a zone with more than 13 servers answers from the first ones. */
const maxServers = 13;
const maxAddressesPerServer = 4;

export class Authoritative {
  /** True: which servers hold a zone is not looked at. */
  readonly asksResolversOnly: boolean;
  readonly #resolvers: readonly ServerAddress[];
  readonly #serverPort: number;
  readonly #limits: QueryLimits | undefined;

  /** @throws DnsError `dns.misconfigured` */
  constructor(options: AuthoritativeOptions = {}) {
    this.#resolvers = (options.resolvers ?? getServers()).map((text) => parseServer(text));
    this.asksResolversOnly = options.asksResolversOnly ?? false;
    this.#serverPort = options.serverPort ?? 53;
    this.#limits = options.limits;
  }

  /** @throws DnsError `dns.not-delegated`, `dns.unreachable` */
  async zoneOf(name: string, signal: AbortSignal): Promise<Zone> {
    if (this.asksResolversOnly) {
      return { apex: plainName(name), servers: this.#resolvers.map(asNameServer) };
    }
    const apex = await this.#apexOf(plainName(name), signal);
    const reply = await this.resolve(apex, 'NS', signal);
    const names = textsOf(reply.answers, 'NS', apex).map(plainName).toSorted().slice(0, maxServers);
    if (names.length === 0) {
      const message = `The zone ${apex} has no NS records: at your registrar, enter the name servers of your DNS provider.`;
      throw new DnsError('dns.not-delegated', message);
    }
    const servers = names.map(async (server) => ({
      name: server,
      addresses: await this.#addressesOf(server, signal),
    }));
    return { apex, servers: await Promise.all(servers) };
  }

  /** Through the first of the resolvers that says anything. @throws DnsError */
  async resolve(name: string, type: QuestionType, signal: AbortSignal): Promise<Reply> {
    let failure: unknown;
    let refusal: Reply | undefined;
    for (const resolver of this.#resolvers) {
      try {
        const reply = await ask(resolver, { name, type, isRecursive: true }, signal, this.#limits);
        if (isAnswer(reply)) return reply;
        refusal ??= reply;
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
      }
    }
    if (refusal !== undefined) return refusal;
    const asked = this.#resolvers.map(describeServer).join(', ') || 'none is set';
    const message = `No resolver answers (${asked}): check the machine's /etc/resolv.conf and that its firewall lets DNS out, or set HUB_DNS_RESOLVERS.`;
    throw new DnsError('dns.unreachable', message, { cause: failure });
  }

  /** One server's own words. Undefined: it answers, but not for this zone (lame). @throws DnsError when it does not answer */
  async askServer(
    address: ServerAddress,
    name: string,
    type: QuestionType,
    signal: AbortSignal,
  ): Promise<Reply | undefined> {
    const isRecursive = this.asksResolversOnly;
    const reply = await ask(address, { name, type, isRecursive }, signal, this.#limits);
    return isAnswer(reply) && (isRecursive || reply.isAuthoritative) ? reply : undefined;
  }

  /** Asks the zone's own servers, and those of the next zone when an alias leads there. @throws DnsError */
  async find(name: string, type: QuestionType, signal: AbortSignal): Promise<Found> {
    return this.#chase([plainName(name)], type, signal);
  }

  /**
   * Where a record has to be written so that it is found at `name`. An alias that a wildcard makes (`*.films CNAME hub`)
   * is not followed: the record itself takes its place.
   * @throws DnsError
   */
  async followAlias(name: string, signal: AbortSignal): Promise<string> {
    const here = plainName(name);
    const alias = await this.#aliasAt(here, signal);
    if (alias === undefined) return here;
    const isWildcards = (await this.#aliasAt(unusedSibling(here), signal)) === alias;
    if (isWildcards) return here;
    return (await this.#chase([here, alias], 'TXT', signal)).name;
  }

  async #aliasAt(name: string, signal: AbortSignal): Promise<string | undefined> {
    const reply = await this.#askAny(await this.zoneOf(name, signal), name, 'TXT', signal);
    return textsOf(reply.answers, 'CNAME', name).map(plainName)[0];
  }

  async #chase(start: readonly string[], type: QuestionType, signal: AbortSignal): Promise<Found> {
    const way = [...start];
    for (;;) {
      if (!isWay(way)) throw aliasError(way);
      const here = way.at(-1) ?? '';
      const reply = await this.#askAny(await this.zoneOf(here, signal), here, type, signal);
      const records = reply.answers.filter((a) => a.type === type && sameName(a.name, here));
      const alias = type === 'CNAME' ? undefined : textsOf(reply.answers, 'CNAME', here)[0];
      if (records.length > 0 || alias === undefined) {
        return { name: here, records };
      }
      way.push(plainName(alias));
    }
  }

  /** The servers that the zone above names for a zone. Undefined: it does not say (it holds both, or cannot be asked). @throws DnsError */
  async delegationOf(apex: string, signal: AbortSignal): Promise<string[] | undefined> {
    const parent = apex.split('.').slice(1).join('.');
    if (parent === '' || this.asksResolversOnly) return undefined;
    try {
      const reply = await this.#askAny(await this.zoneOf(parent, signal), apex, 'NS', signal, true);
      const names = reply.isAuthoritative ? [] : textsOf(reply.authorities, 'NS', apex);
      return names.length === 0 ? undefined : names.map(plainName).toSorted();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DnsError) return undefined;
      throw error;
    }
  }

  async #apexOf(name: string, signal: AbortSignal): Promise<string> {
    let isMissing = false;
    const labels = name.split('.');
    for (let from = 0; from < labels.length; from += 1) {
      const suffix = labels.slice(from).join('.');
      const reply = await this.resolve(suffix, 'SOA', signal);
      if (!isAnswer(reply)) throw brokenZone(suffix, reply.rcode);
      // An address in a registry's own zone is a domain that nobody has registered, or that leads nowhere yet.
      const isRegistry = from === labels.length - 1 && isMissing;
      if (hasSoa(reply, suffix) && !isRegistry) return suffix;
      isMissing = reply.rcode === 'NXDOMAIN';
    }
    const message = `The public DNS knows no zone for ${name}: register the domain, or enter its name servers at your registrar.`;
    throw new DnsError('dns.not-delegated', message);
  }

  async #addressesOf(server: string, signal: AbortSignal): Promise<ServerAddress[]> {
    const kinds = ['A', 'AAAA'] as const;
    const found = await Promise.all(
      kinds.map(async (kind) => {
        try {
          const { answers } = await this.resolve(server, kind, signal);
          // The resolver has followed aliases, so the addresses may stand under another name.
          return answers.flatMap((a) => (a.type === kind ? [a.data] : []));
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof DnsError) return [];
          throw error;
        }
      }),
    );
    const port = this.#serverPort;
    return found
      .flat()
      .slice(0, maxAddressesPerServer)
      .map((host) => ({ host, port }));
  }

  async #askAny(
    zone: Zone,
    name: string,
    type: QuestionType,
    signal: AbortSignal,
    takesReferral = false,
  ): Promise<Reply> {
    let failure: unknown;
    for (const address of zone.servers.flatMap((server) => server.addresses)) {
      try {
        const isRecursive = this.asksResolversOnly;
        const reply = await ask(address, { name, type, isRecursive }, signal, this.#limits);
        const isWanted = isRecursive || takesReferral || reply.isAuthoritative;
        if (isAnswer(reply) && isWanted) return reply;
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
      }
    }
    const names = zone.servers.map((server) => server.name).join(', ');
    if (this.asksResolversOnly) {
      const message = `None of the resolvers (${names}) finds out the ${type} records of ${name}: check HUB_DNS_RESOLVERS, and that the name servers of the domain answer for it.`;
      throw new DnsError('dns.unreachable', message, { cause: failure });
    }
    const message = `None of the name servers of ${zone.apex} (${names}) answers for it: check at your registrar that the domain leads to the provider that holds the zone, and that the hub's firewall lets DNS out; where it may not, set HUB_DNS_RESOLVERS_ONLY=1.`;
    throw new DnsError('dns.not-delegated', message, { cause: failure });
  }
}

/** Each value of the TXT records at `name`: strings of one record belong together (RFC 7208 §3.3). */
export function txtValues(answers: readonly Answer[], name: string): string[] {
  return answers.flatMap((answer) => {
    if (answer.type !== 'TXT' || !sameName(answer.name, name)) return [];
    const parts = Array.isArray(answer.data) ? answer.data : [answer.data];
    return [Buffer.concat(parts.map((part) => Buffer.from(part))).toString()];
  });
}

function textsOf(answers: readonly Answer[], type: 'CNAME' | 'NS', name: string): string[] {
  return answers.flatMap((a) => (a.type === type && sameName(a.name, name) ? [a.data] : []));
}

function isAnswer({ rcode }: Reply): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}

function hasSoa(reply: Reply, name: string): boolean {
  return reply.answers.some((answer) => answer.type === 'SOA' && sameName(answer.name, name));
}

function asNameServer(address: ServerAddress): NameServer {
  return { name: describeServer(address), addresses: [address] };
}

/** A name beside this one that nobody has set: what it leads to is a wildcard's doing. */
function unusedSibling(name: string): string {
  const [, ...parent] = name.split('.');
  return [`_unused-${randomBytes(8).toString('hex')}`, ...parent].join('.');
}

function isWay(way: readonly string[]): boolean {
  const aliases = way.slice(1);
  const isEndless = new Set(way).size < way.length || aliases.length > maxAliases;
  return !isEndless && aliases.every(isPlainName);
}

function brokenZone(name: string, rcode: string): DnsError {
  const message = `Resolvers answer ${rcode} for ${name}: its name servers do not answer for it, or its DNSSEC signatures are broken; check the zone at its DNS provider and the delegation at the registrar.`;
  return new DnsError('dns.not-delegated', message);
}

function aliasError(way: readonly string[]): DnsError {
  const message = `CNAME records lead in a circle, through too many names or to no host name: ${way.map((name) => JSON.stringify(name)).join(' -> ')}; make the first lead straight to the name that holds the record.`;
  return new DnsError('dns.alias', message);
}
