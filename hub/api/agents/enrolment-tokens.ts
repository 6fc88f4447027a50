// The wish for another server arrives; an enrolment token leaves, once, with what has to be done at home (security row D-01).

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { TokenRequest } from '../../tunnels/token.ts';
import { agentSetup, setupQr } from './agent-setup.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { requireOwned, type ServerViews } from '../areas/server-view.ts';

export interface EnrolmentTokenServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly enrolment: {
    /** @throws TunnelError enrol.token-options | name.* | server.unknown */
    createToken(request: TokenRequest): Promise<{ text: string; expiresAt: Date }>;
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

export const enrolmentTokenOperations: readonly Operation<EnrolmentTokenServices>[] = [create];
