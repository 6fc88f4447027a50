// Wishes about owners' own domains arrive; what to set in the DNS, and how each of them stands, leaves.

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { NotableEvent } from '../../audit/event.ts';
import type { DomainClaim, DomainStore } from '../../tunnels/domains/domain.ts';
import type { DomainLimits } from '../../tunnels/domains/limits.ts';
import {
  addressRecordsOf,
  aliasRecordOf,
  endOf,
  proofRecordOf,
  sentenceOf,
  type Destination,
} from '../../tunnels/domains/sentence.ts';
import { notFound } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import {
  requireInOwnersHands,
  requireOwned,
  requireVisible,
  serverId,
  type ServerViews,
  type SignedIn,
} from './server-view.ts';
import { note } from './servers.ts';

export interface DomainServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly domains: Pick<DomainStore, 'claim' | 'list' | 'listByHostname' | 'remove'>;
  readonly domainChecks: {
    /** Looks at its DNS now. @returns all claims to it */
    check(hostname: string): Promise<readonly DomainClaim[]>;
    /** Where domains of this server have to lead. */
    destinationOf(serverId: string): Promise<Destination>;
    /** What somebody wrote, as a hostname. @throws DomainError domain.invalid | domain.reserved */
    hostnameOf(text: string): string;
  };
  readonly domainLimits: DomainLimits;
  readonly audit: Audit;
}

const recordSchema = z
  .object({ type: z.enum(['A', 'AAAA', 'CNAME', 'TXT']), name: z.string(), value: z.string() })
  .openapi('DnsRecord');

const domainSchema = z
  .object({
    id: z.uuid(),
    hostname: z.string(),
    server_id: z.uuid(),
    state: z.enum(['waiting', 'active', 'unreachable', 'withdrawn', 'dropped']),
    state_since: z.iso.datetime(),
    why: z.string(),
    ends_at: z.iso.datetime().nullable(),
    checked_at: z.iso.datetime().nullable(),
    next_check_at: z.iso.datetime().nullable(),
    proof_record: recordSchema,
    alias_record: recordSchema,
    address_records: z.array(recordSchema),
  })
  .openapi('Domain');

const domainId = serverId.extend({ domain_id: z.uuid() });

const list = operation({
  id: 'domains.list',
  method: 'get',
  path: '/servers/{id}/domains',
  summary: 'The domains of its owner that a server is offered under, and how each stands',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  response: z.object({ items: z.array(domainSchema) }),
  async run(caller, { params }, services: DomainServices) {
    await requireVisible(caller, params.id, services);
    const claims = (await services.domains.list()).filter(({ serverId }) => serverId === params.id);
    const destination = await services.domainChecks.destinationOf(params.id);
    return { items: claims.map((claim) => domainJson(claim, destination, services)) };
  },
});

const add = operation({
  id: 'domains.add',
  method: 'post',
  path: '/servers/{id}/domains',
  summary: 'Offer a server under a domain of its owner, once its DNS proves it',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId,
  body: z.strictObject({ hostname: z.string().min(1).max(1024) }),
  response: domainSchema,
  status: 201,
  async run(caller, { params, body }, services: DomainServices) {
    const hostname = services.domainChecks.hostnameOf(body.hostname);
    const server = await requireOwned(caller, params.id, services);
    requireInOwnersHands(caller, server);
    const claim = await services.domains.claim(hostname, params.id);
    noteDomain(services, caller, 'domain.added', claim, server);
    return domainJson(claim, await services.domainChecks.destinationOf(params.id), services);
  },
});

const check = operation({
  id: 'domains.check',
  method: 'post',
  path: '/servers/{id}/domains/{domain_id}/check',
  summary: 'Look at the DNS of a domain now, and say what is missing',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'none',
  params: domainId,
  response: domainSchema,
  async run(caller, { params }, services: DomainServices) {
    await requireOwned(caller, params.id, services);
    const { hostname } = await requireClaim(params, services);
    const looked = await services.domainChecks.check(hostname);
    const claim = looked.find(({ id }) => id === params.domain_id);
    if (claim === undefined) throw notFound('domain of this id');
    return domainJson(claim, await services.domainChecks.destinationOf(params.id), services);
  },
});

const remove = operation({
  id: 'domains.remove',
  method: 'delete',
  path: '/servers/{id}/domains/{domain_id}',
  summary: 'Serve a domain no more, at once',
  auth: 'owner',
  scope: 'none',
  stepUp: 'destructive',
  params: domainId,
  target: ({ params }) => params.domain_id,
  async run(caller, { params }, services: DomainServices) {
    const server = await requireOwned(caller, params.id, services);
    requireInOwnersHands(caller, server);
    const claim = await requireClaim(params, services);
    await services.domains.remove(claim.id);
    noteDomain(services, caller, 'domain.removed', claim, server);
  },
});

export const domainOperations: readonly Operation<DomainServices>[] = [list, add, check, remove];

async function requireClaim(
  { id, domain_id: domainId }: { id: string; domain_id: string },
  { domains }: Pick<DomainServices, 'domains'>,
): Promise<DomainClaim> {
  const claims = await domains.list();
  const claim = claims.find((one) => one.id === domainId && one.serverId === id);
  if (claim === undefined) throw notFound('domain of this id');
  return claim;
}

function noteDomain(
  services: Pick<DomainServices, 'audit'>,
  caller: SignedIn,
  event: NotableEvent,
  { hostname: target }: DomainClaim,
  server: Parameters<typeof note>[2]['server'],
): void {
  note(services, caller, { event, server, target });
}

function domainJson(
  claim: DomainClaim,
  destination: Destination,
  { domainLimits }: Pick<DomainServices, 'domainLimits'>,
): z.input<typeof domainSchema> {
  return {
    id: claim.id,
    hostname: claim.hostname,
    server_id: claim.serverId,
    state: claim.state,
    state_since: claim.stateSince.toISOString(),
    why: sentenceOf(claim, domainLimits),
    ends_at: endOf(claim, domainLimits)?.toISOString() ?? null,
    checked_at: claim.checkedAt?.toISOString() ?? null,
    next_check_at: claim.state === 'dropped' ? null : claim.nextCheckAt.toISOString(),
    proof_record: proofRecordOf(claim),
    alias_record: aliasRecordOf(claim, destination),
    address_records: addressRecordsOf(claim, destination),
  };
}
