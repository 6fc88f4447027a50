// Questions about certificates arrive; how those of a server stand leaves, and to admins how all do, or one is ordered anew.

import { createHash } from 'node:crypto';

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { Server } from '../../tunnels/server.ts';
import { ApiError, notFound } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { compareKeys, listOf, pageOfAll, pageQuery } from '../operation/page.ts';
import {
  requireOwned,
  requireVisible,
  serverId,
  type ServerViews,
  type SignedIn,
} from './server-view.ts';

/** As the hub holds it now, from whoever it has it. */
export interface CertificateView {
  /** Undefined: the operator gave it, or the hub's local CA made it; there is nothing to renew here. */
  readonly id: string | undefined;
  readonly names: readonly string[];
  readonly keyKind: 'ecdsa' | 'rsa';
  readonly serverId: string | undefined;
  readonly notBefore: Date | undefined;
  /** Undefined: there is none yet. */
  readonly notAfter: Date | undefined;
  /** When the next one is ordered. */
  readonly renewsAt: Date | undefined;
  readonly lastError: { readonly message: string; readonly at: Date } | undefined;
}

export interface CertificateServices extends ServerViews {
  readonly certificates: {
    /** Those that somebody wishes for. */
    list(): readonly CertificateView[];
    /** Orders it anew as soon as the authority's limits allow. */
    renew(id: string): Promise<void>;
  };
  readonly audit: Audit;
}

const certificateSchema = z
  .object({
    id: z.string().nullable(),
    names: z.array(z.string()),
    key: z.enum(['ecdsa', 'rsa']),
    server_id: z.uuid().nullable(),
    not_before: z.iso.datetime().nullable(),
    not_after: z.iso.datetime().nullable(),
    renews_at: z.iso.datetime().nullable(),
    last_error: z.object({ message: z.string(), at: z.iso.datetime() }).nullable(),
  })
  .openapi('Certificate');

const listSchema = z.object({ items: z.array(certificateSchema) });
const certificateId = z.object({ certificate_id: z.uuid() });

const list = operation({
  id: 'certificates.of-server',
  method: 'get',
  path: '/servers/{id}/certificates',
  summary: 'The certificates that visitors of a server are shown',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  response: listSchema,
  async run(caller, { params }, services: CertificateServices) {
    const server = await requireVisible(caller, params.id, services);
    const serving = services.certificates.list().filter(serves(server, services));
    return { items: serving.map(certificateJson) };
  },
});

const renew = operation({
  id: 'certificates.renew-of-server',
  method: 'post',
  path: '/servers/{id}/certificates/{certificate_id}/renew',
  summary: 'Order a new certificate for a server now',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId.extend(certificateId.shape),
  target: ({ params }) => params.certificate_id,
  async run(caller, { params }, services: CertificateServices) {
    await requireOwned(caller, params.id, services);
    await renewOne(caller, params.certificate_id, services, params.id);
  },
});

const listAll = operation({
  id: 'certificates.list',
  method: 'get',
  path: '/admin/certificates',
  summary: 'All certificates of the hub, by their names',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(certificateSchema),
  async run(_caller, { query }, { certificates }: CertificateServices) {
    const all = certificates.list().toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)));
    return pageOfAll(all, query, { keyOf, itemOf: certificateJson });
  },
});

const renewAny = operation({
  id: 'certificates.renew',
  method: 'post',
  path: '/admin/certificates/{certificate_id}/renew',
  summary: 'Order a new certificate now',
  auth: 'admin',
  scope: 'admin:write',
  stepUp: 'config',
  params: certificateId,
  target: ({ params }) => params.certificate_id,
  async run(caller, { params }, services: CertificateServices) {
    await renewOne(caller, params.certificate_id, services);
  },
});

export const certificateOperations: readonly Operation<CertificateServices>[] = [
  list,
  renew,
  listAll,
  renewAny,
];

/** Of this server alone, where one is named: what others are served by as well is not its owner's. */
async function renewOne(
  caller: SignedIn,
  id: string,
  { certificates, audit }: CertificateServices,
  ofServer?: string,
): Promise<void> {
  const found = certificates.list().find((one) => one.id === id);
  if (found === undefined) throw notFound('certificate of this id');
  if (ofServer !== undefined && found.serverId !== ofServer)
    throw new ApiError(
      'api.denied',
      'This certificate serves others too: ask an admin to renew it.',
    );
  await certificates.renew(id);
  audit.note({
    event: 'cert.renewal-asked',
    actor: { id: caller.account.id, name: caller.account.username },
    address: caller.address,
    server: ofServer,
    target: found.names.join(' '),
    result: 'ok',
    requestId: caller.requestId,
  });
}

/** Its own, and the wildcard over its name. */
function serves(
  server: Server,
  { place }: Pick<ServerViews, 'place'>,
): (certificate: CertificateView) => boolean {
  const hostnames = place.addressesOf(server).map((address) => new URL(address).hostname);
  return ({ serverId, names }) =>
    serverId === server.id || hostnames.some((hostname) => names.some(covers(hostname)));
}

/** RFC 6125 §6.4.3: the star stands for one whole label. */
function covers(hostname: string): (name: string) => boolean {
  const parent = hostname.slice(hostname.indexOf('.'));
  return (name) => name === hostname || name === `*${parent}`;
}

/** What was given has no id, and a hundred names are more than a cursor holds. */
function keyOf({ names, keyKind, id }: CertificateView): readonly [string, string] {
  const [first = ''] = names;
  return [first, `${keyKind} ${id ?? createHash('sha256').update(names.join()).digest('hex')}`];
}

function certificateJson(one: CertificateView): z.input<typeof certificateSchema> {
  const { lastError } = one;
  return {
    id: one.id ?? null,
    names: [...one.names],
    key: one.keyKind,
    server_id: one.serverId ?? null,
    not_before: one.notBefore?.toISOString() ?? null,
    not_after: one.notAfter?.toISOString() ?? null,
    renews_at: one.renewsAt?.toISOString() ?? null,
    last_error: lastError ? { message: lastError.message, at: lastError.at.toISOString() } : null,
  };
}
