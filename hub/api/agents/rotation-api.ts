// An agent's new key arrives, signed for by the former one, over its own TLS connection; from then on it is the server's only key (security row D-05).

import { Buffer } from 'node:buffer';

import { Hono, type Context } from 'hono';
import { z } from 'zod';

import type { Logger } from '../../../shared/log.ts';
import { maxKeysInSuccession } from '../../../shared/wire/limits.ts';
import { noAudit, type Audit } from '../../audit/audit.ts';
import type { Succeeded, Succession } from '../../tunnels/rotation.ts';
import { RotatedTooOften, TunnelError } from '../../tunnels/tunnel-error.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { problem } from '../problem/problem.ts';
import { Desk, limitedBody, type DeskOptions, type Errand } from './desk.ts';

export interface RotationApiOptions extends DeskOptions {
  readonly rotation: { succeed(request: Succession): Promise<Succeeded> };
  readonly audit?: Audit;
  readonly log: Logger;
}

const succession = z
  .object({
    keys: z
      .array(z.string().regex(/^[0-9A-Za-z_-]{43}$/))
      .min(1)
      .max(maxKeysInSuccession),
    statements: z.array(z.string().regex(/^[0-9A-Za-z_-]{86}$/)).max(maxKeysInSuccession - 1),
    signature: z.string().regex(/^[0-9A-Za-z_-]{86}$/),
    /** As in the hello; null: no agent runs. It has to fit the database's bigint. */
    epoch: z
      .string()
      .regex(/^\d{1,18}$/)
      .nullable(),
    software: z.string().regex(/^[\x20-\x7e]{1,64}$/),
  })
  .refine(({ keys, statements }) => statements.length === keys.length - 1);

type Asked = z.output<typeof succession>;

export function rotationApi(options: RotationApiOptions): Hono<HubEnv> {
  const desk = new Desk(options);
  const api = new Hono<HubEnv>();
  api.get('/rotate', (context) => desk.issueNonce(context));
  api.post('/rotate', limitedBody(options.limits), async (context) => {
    const errand = await desk.take(context, succession);
    return errand instanceof Response ? errand : rotate(context, { options, desk, errand });
  });
  return api;
}

async function rotate(
  context: Context<HubEnv>,
  { options, desk, errand }: { options: RotationApiOptions; desk: Desk; errand: Errand<Asked> },
): Promise<Response> {
  const { rotation, log, audit = noAudit } = options;
  const { asked, channel } = errand;
  const { peerAddress: address } = channel;
  try {
    const { agentId, server, former } = await rotation.succeed(requestOf(errand));
    if (former !== undefined) {
      log.info({ agentId, former, serverId: server.id, address }, 'agent has a new key');
      const fact = { address, target: agentId, reason: `in place of ${former}` };
      audit.note({ ...fact, event: 'server.key-rotated', server: server.id, result: 'ok' });
    }
    return context.json({ agent_id: agentId, server_id: server.id });
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    desk.noteFailure(channel);
    log.info({ err: error, address, software: asked.software }, 'new key refused');
    audit.note({ event: 'server.rotation-denied', address, result: 'denied', reason: error.code });
    if (error instanceof RotatedTooOften)
      context.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
    return problem(context, error.code, error.message);
  }
}

function requestOf({ asked, channel, nonce }: Errand<Asked>): Succession {
  return {
    keys: asked.keys.map(bytes),
    statements: asked.statements.map(bytes),
    signature: bytes(asked.signature),
    nonce,
    exporter: channel.exporter,
    peerAddress: channel.peerAddress,
    epoch: asked.epoch === null ? undefined : BigInt(asked.epoch),
  };
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
