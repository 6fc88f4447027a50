// The wish for another server arrives; an enrolment token leaves, once, with what has to be done at home, or is taken back (security row D-01).

import { z } from '@hono/zod-openapi';

import { isAdminHere } from '../../accounts/caller.ts';
import type { Audit } from '../../audit/audit.ts';
import type { OpenToken } from '../../tunnels/enrolment-store.ts';
import type { TokenRequest } from '../../tunnels/token.ts';
import { agentSetup, setupQr } from './agent-setup.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { compareKeys, listOf, pageOfAll, pageQuery } from '../operation/page.ts';
import { notFound } from '../problem/api-error.ts';
import { requireOwned, type ServerViews, type SignedIn } from '../areas/server-view.ts';

export interface EnrolmentTokenServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly enrolment: {
    /** @throws TunnelError enrol.token-options | name.* | server.unknown */
    createToken(request: TokenRequest): Promise<{ text: string; expiresAt: Date }>;
    /** Those that can still be used, the youngest first; of one owner, or of all. */
    listTokens(ownerId?: string): Promise<OpenToken[]>;
    /** Undefined: no such token is unused, or it is another's. */
    withdrawToken(id: string, ownerId?: string): Promise<OpenToken | undefined>;
  };
  readonly place: ServerViews['place'] & { readonly agentUrl: string };
  /** base64url SHA-256 of the local CA's key, for agents to pin; undefined where a public authority vouches for the hub. */
  readonly caFingerprint: string | undefined;
  readonly audit: Audit;
}

const setupSchema = z.object({
  env: z.string(),
  docker: z.string(),
  compose: z.string(),
  systemd: z.string(),
  qr: z.string().openapi({ description: 'A data: address of an image of env' }),
});

const create = operation({
  id: 'enrolment-tokens.create',
  method: 'post',
  path: '/enrolment-tokens',
  summary: 'Add a server: a token that lets one agent enrol, once',
  description:
    'The token is in this answer and nowhere else. With server_id the next agent takes the place of that server’s present one.',
  auth: 'owner',
  scope: 'none',
  stepUp: 'config',
  body: z.strictObject({
    label: z.string().min(1).max(63).optional(),
    server_id: z.uuid().optional(),
    /** From a minute to seven days. */
    life_seconds: z
      .int()
      .min(60)
      .max(7 * 86_400)
      .default(3600),
    cidr: z.string().max(64).optional(),
  }),
  target: ({ body }) => body.server_id ?? 'new',
  response: z
    .object({
      token: z.string(),
      expires_at: z.iso.datetime(),
      hub_url: z.string(),
      environment: z.record(z.string(), z.string()),
      setup: setupSchema,
    })
    .openapi('EnrolmentToken'),
  status: 201,
  async run(caller, { body }, services: EnrolmentTokenServices) {
    const slot =
      body.server_id === undefined
        ? undefined
        : await requireOwned(caller, body.server_id, services);
    const { text, expiresAt } = await services.enrolment.createToken({
      ownerId: slot?.ownerId ?? caller.account.ownerId,
      ttlMs: body.life_seconds * 1000,
      label: body.label?.toLowerCase(),
      cidr: body.cidr,
      serverId: slot?.id,
      caFingerprint: services.caFingerprint,
    });
    services.audit.note({
      event: 'server.token-created',
      actor: { id: caller.account.id, name: caller.account.username },
      address: caller.address,
      server: slot?.id,
      target: body.label,
      result: 'ok',
      requestId: caller.requestId,
    });
    const hubUrl = services.place.agentUrl;
    const environment = {
      PHLIX_HUB_URL: hubUrl,
      PHLIX_HUB_ENROLLMENT_TOKEN: text,
      PHLIX_SUBDOMAIN_AUTO_CLAIM: '1',
      PHLIX_TLS_ENABLED: '1',
    };
    const setup = agentSetup(environment);
    return {
      token: text,
      expires_at: expiresAt.toISOString(),
      hub_url: hubUrl,
      environment,
      setup: { ...setup, qr: await setupQr(setup) },
    };
  },
});

const openSchema = z
  .object({
    id: z.string(),
    access: z.enum(['owner', 'admin']).openapi({ description: 'admin: somebody else’s' }),
    label: z.string().nullable(),
    server_id: z.uuid().nullable().openapi({ description: 'The server that gets a new agent' }),
    cidr: z.string().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi('OpenEnrolmentToken');

const list = operation({
  id: 'enrolment-tokens.list',
  method: 'get',
  path: '/enrolment-tokens',
  summary: 'Enrolment tokens that can still be used, the newest first, without their text',
  description: 'Your own; an admin’s are everybody’s.',
  auth: 'owner',
  // No token reaches tokens.
  scope: 'none',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(openSchema),
  async run(caller, { query }, { enrolment }: EnrolmentTokenServices) {
    const open = await enrolment.listTokens(whoseOf(caller));
    // As the cursor compares them: a database orders text by its language.
    const all = open.toSorted((a, b) => compareKeys(keyOf(b), keyOf(a)));
    const itemOf = (token: OpenToken) => openJson(token, caller);
    return pageOfAll(all, query, { keyOf, itemOf, isDescending: true });
  },
});

const withdraw = operation({
  id: 'enrolment-tokens.withdraw',
  method: 'delete',
  path: '/enrolment-tokens/{id}',
  summary: 'Take back an enrolment token that nobody has used',
  auth: 'owner',
  scope: 'none',
  stepUp: 'config',
  params: z.object({ id: z.string().regex(/^[0-9A-Za-z]{8}$/) }),
  async run(caller, { params }, { enrolment, audit }: EnrolmentTokenServices) {
    const token = await enrolment.withdrawToken(params.id, whoseOf(caller));
    if (token === undefined) throw notFound('enrolment token of this id that can still be used');
    audit.note({
      event: 'server.token-withdrawn',
      actor: { id: caller.account.id, name: caller.account.username },
      address: caller.address,
      server: token.serverId,
      target: token.id,
      result: 'ok',
      requestId: caller.requestId,
    });
  },
});

export const enrolmentTokenOperations: readonly Operation<EnrolmentTokenServices>[] = [
  create,
  list,
  withdraw,
];

/** Undefined: everybody's. */
function whoseOf(caller: SignedIn): string | undefined {
  return isAdminHere(caller) ? undefined : caller.account.ownerId;
}

function keyOf({ createdAt, id }: OpenToken): readonly [string, string] {
  return [createdAt.toISOString(), id];
}

function openJson(token: OpenToken, { account }: SignedIn): z.input<typeof openSchema> {
  return {
    id: token.id,
    access: token.ownerId === account.ownerId ? 'owner' : 'admin',
    label: token.label ?? null,
    server_id: token.serverId ?? null,
    cidr: token.cidr ?? null,
    created_at: token.createdAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
  };
}
