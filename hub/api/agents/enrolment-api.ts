// An agent's token, key and proof arrive over its own TLS connection; who it is now leaves, or the reason why not (security rows D-01, D-02).

import { Buffer } from 'node:buffer';

import { Hono, type Context } from 'hono';
import { z } from 'zod';

import type { Logger } from '../../../shared/log.ts';
import { noAudit, type Audit } from '../../audit/audit.ts';
import type { Enrolled, Redemption } from '../../tunnels/enrolment.ts';
import type { Server } from '../../tunnels/server.ts';
import { TunnelError } from '../../tunnels/tunnel-error.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { problem } from '../problem/problem.ts';
import type { Channel } from './channel.ts';
import { Desk, limitedBody, type DeskOptions, type Errand } from './desk.ts';

export interface EnrolmentApiOptions extends DeskOptions {
  readonly enrolment: { redeem(request: Redemption): Promise<Enrolled> };
  /** Where agents dial: `wss://hub.example.org:8802/tunnel`. Asked for anew each time, since port 0 is known only after listening. */
  readonly tunnelUrls: () => readonly string[];
  readonly addressesOf: (server: Server) => readonly string[];
  readonly audit?: Audit;
  readonly log: Logger;
}

const redemption = z.object({
  token_id: z.string().regex(/^[0-9A-Za-z]{8}$/),
  secret: z.string().regex(/^[0-9A-Za-z_-]{43}$/),
  public_key: z.string().regex(/^[0-9A-Za-z_-]{43}$/),
  signature: z.string().regex(/^[0-9A-Za-z_-]{86}$/),
  claim: z.boolean(),
  name: z.string().max(64).nullable(),
  // As in the hello: it is for logs, and terminals act on what is not printable.
  software: z.string().regex(/^[\x20-\x7e]{1,64}$/),
});

type Asked = z.output<typeof redemption>;

export function enrolmentApi(options: EnrolmentApiOptions): Hono<HubEnv> {
  const desk = new Desk(options);
  const api = new Hono<HubEnv>();
  api.get('/tunnel', (context) => context.json({ tunnel_urls: options.tunnelUrls() }));
  api.get('/enrol', (context) => desk.issueNonce(context));
  api.post('/enrol', limitedBody(options.limits), async (context) => {
    const errand = await desk.take(context, redemption);
    return errand instanceof Response ? errand : redeem(context, { options, desk, errand });
  });
  return api;
}

async function redeem(
  context: Context<HubEnv>,
  {
    options,
    desk,
    errand: { asked, channel, nonce },
  }: { options: EnrolmentApiOptions; desk: Desk; errand: Errand<Asked> },
): Promise<Response> {
  const { enrolment, log, audit = noAudit } = options;
  const { peerAddress: address } = channel;
  try {
    const enrolled = await enrolment.redeem(redemptionOf(asked, channel, nonce));
    log.info(enrolmentFacts(enrolled, channel, asked.software), 'server enrolled');
    const { agentId: target, server } = enrolled;
    const reason = `token ${asked.token_id}, name ${server.label ?? 'none'}`;
    const fact = { address, target, method: 'token', reason };
    audit.note({ ...fact, event: 'server.enrolled', server: server.id, result: 'ok' });
    return context.json(replyOf(options, enrolled), 201);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    if (error.code.startsWith('enrol.')) desk.noteFailure(channel);
    log.info({ err: error, address }, 'enrolment refused');
    const fact = { address, target: asked.token_id, method: 'token', reason: error.code };
    audit.note({ ...fact, event: 'server.enrolment-denied', result: 'denied' });
    return problem(context, error.code, error.message);
  }
}

function redemptionOf(asked: Asked, channel: Channel, nonce: Buffer): Redemption {
  return {
    tokenId: asked.token_id,
    secret: asked.secret,
    publicKey: Buffer.from(asked.public_key, 'base64url'),
    signature: Buffer.from(asked.signature, 'base64url'),
    nonce,
    exporter: channel.exporter,
    peerAddress: channel.peerAddress,
    claim: asked.claim,
    name: asked.name ?? undefined,
  };
}

function replyOf(options: EnrolmentApiOptions, { agentId, server }: Enrolled): object {
  return {
    agent_id: agentId,
    server_id: server.id,
    tunnel_urls: options.tunnelUrls(),
    addresses: options.addressesOf(server),
  };
}

function enrolmentFacts(enrolled: Enrolled, channel: Channel, software: string): object {
  const { agentId, server, refused } = enrolled;
  const facts = { agentId, serverId: server.id, label: server.label, software };
  return { ...facts, address: channel.peerAddress, ...(refused && { refused }) };
}
