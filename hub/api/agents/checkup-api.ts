// What an agent found when it looked at itself arrives, over a connection on which it proves its key; it is kept for its server and for no other.

import { Hono, type Context } from 'hono';
import { z } from 'zod';

import {
  checkName,
  checkupParts,
  maxFindings,
  maxFindingText,
  maxReportBytes,
  printable,
} from '../../../shared/doctor/checkup.ts';
import { findingStates, type Finding } from '../../../shared/doctor/finding.ts';
import { checkupProof } from '../../../shared/wire/proof.ts';
import type { CheckupStore } from '../../tunnels/checkup.ts';
import { FailureBudget } from '../../tunnels/failure-budget.ts';
import type { ServerStore } from '../../tunnels/server.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { problem } from '../problem/problem.ts';
import { Desk, limitedBody, type DeskOptions, type Errand } from './desk.ts';
import { serverOfSigner, signed } from './signer.ts';

export interface CheckupApiOptions extends DeskOptions {
  readonly hubHost: string;
  /** Absent: nothing is kept here. */
  readonly checkups?: CheckupDesk | undefined;
}

/** Of one server in ten minutes: a media server that comes and goes each minute is told of each time, and the line beside it. */
const perServer = { limit: 30, windowMs: 10 * 60_000 };

/** Who may tell, for all doors of the hub together. */
export class CheckupDesk {
  readonly servers: Pick<ServerStore, 'findAgent' | 'find'>;
  readonly store: CheckupStore;
  readonly told = new FailureBudget(perServer);

  constructor(servers: Pick<ServerStore, 'findAgent' | 'find'>, store: CheckupStore) {
    this.servers = servers;
    this.store = store;
  }
}

const text = z.string().min(1).max(maxFindingText).regex(printable);

const report = signed.extend({
  part: z.enum(checkupParts),
  findings: z
    .array(
      z.object({
        check: z.string().regex(checkName),
        state: z.enum(findingStates),
        message: text,
        remedy: text.optional(),
      }),
    )
    .max(maxFindings)
    .refine((all) => new Set(all.map(({ check }) => check)).size === all.length),
});

type Report = z.output<typeof report>;

export function checkupApi(options: CheckupApiOptions): Hono<HubEnv> {
  const api = new Hono<HubEnv>();
  const { checkups } = options;
  if (checkups === undefined) return api;
  const desk = new Desk(options);
  api.get('/checkup', (context) => desk.issueNonce(context));
  api.post('/checkup', limitedBody(options.limits, maxReportBytes), async (context) => {
    const errand = await desk.take(context, report);
    return errand instanceof Response ? errand : keep(context, { options, checkups, desk, errand });
  });
  return api;
}

async function keep(
  context: Context<HubEnv>,
  parts: {
    options: CheckupApiOptions;
    checkups: CheckupDesk;
    desk: Desk;
    errand: Errand<Report>;
  },
): Promise<Response> {
  const { options, checkups, desk, errand } = parts;
  const { asked, channel, nonce } = errand;
  const { agent_id: agentId, part } = asked;
  const { hubHost } = options;
  const proof = checkupProof({ hubHost, agentId, nonce, exporter: channel.exporter });
  const serverId = await serverOfSigner(checkups.servers, asked, proof);
  if (serverId === undefined) {
    desk.noteFailure(channel);
    return denied(context);
  }
  const waitMs = checkups.told.waitMs(serverId);
  if (waitMs > 0) return tooOften(context, waitMs);
  checkups.told.note(serverId);
  const now = new Date();
  const kept = await checkups.store.keep(agentId, {
    part,
    lookedAt: now,
    findings: asked.findings.map(findingOf),
  });
  if (kept === undefined) return denied(context);
  const { lineLookedAt } = kept;
  // An agent that has just started asks by this whether its line is to be measured.
  return context.json({
    line_age_ms:
      lineLookedAt === undefined ? null : Math.max(0, now.getTime() - lineLookedAt.getTime()),
  });
}

function findingOf({ check, state, message, remedy }: Report['findings'][number]): Finding {
  return { check, state, message, ...(remedy !== undefined && { remedy }) };
}

function denied(context: Context): Response {
  return problem(
    context,
    'enrol.proof',
    'This is not the key of a server of this hub: its server was removed, or somebody in between ends TLS.',
  );
}

function tooOften(context: Context, waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  context.header('retry-after', String(seconds));
  return problem(
    context,
    'enrol.rate-limited',
    `This agent has told often enough how it is: try again in ${seconds} seconds.`,
  );
}
