// A server's owner asks how its home is; what its agent found when it looked at itself leaves, and so does the wish that it looks again.

import { z } from '@hono/zod-openapi';

import { worstOf } from '../../../shared/doctor/finding.ts';
import type { CheckupStore, WishPost } from '../../tunnels/checkup.ts';
import { FailureBudget } from '../../tunnels/failure-budget.ts';
import type { PresenceStore } from '../../tunnels/presence.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { ApiError } from '../problem/api-error.ts';
import { findingSchema } from './health.ts';
import { requireOwned, serverId, type ServerViews } from './server-view.ts';

export interface FindingServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly checkups: Pick<CheckupStore, 'list'>;
  readonly checkupWishes: CheckupWishes;
}

/** Of one server in ten minutes: each measures its line, and nobody reads faster. */
const perServer = { limit: 6, windowMs: 10 * 60_000 };

export interface WishOptions {
  /** False where its agent is not connected to this process. */
  readonly ask: (serverId: string) => boolean;
  /** Of all processes of the hub. */
  readonly presence: Pick<PresenceStore, 'list'>;
  readonly post: WishPost;
}

/** Wishes of owners, for all doors of the hub together; they go to the process that has the agent's link. */
export class CheckupWishes {
  readonly #options: WishOptions;
  readonly #made = new FailureBudget(perServer);

  constructor(options: WishOptions) {
    this.#options = options;
  }

  /** To what is wished for at other processes. Returns the way to stop. */
  async listen(): Promise<() => void> {
    return this.#options.post.listen((id) => {
      // Each process counts what it was asked itself; where the link is, all of that comes together.
      if (this.#made.waitMs(id) === 0 && this.#options.ask(id)) this.#made.note(id);
    });
  }

  /** False: its agent is connected nowhere. @throws ApiError api.busy */
  async make(id: string): Promise<boolean> {
    const waitMs = this.#made.waitMs(id);
    if (waitMs > 0)
      throw new ApiError(
        'api.busy',
        `This server was asked often enough: try again in ${Math.ceil(waitMs / 1000)} seconds.`,
        { retryAfterMs: waitMs },
      );
    const { ask, presence, post } = this.#options;
    if (ask(id)) {
      this.#made.note(id);
      return true;
    }
    const there = (await presence.list()).get(id);
    if (there?.state !== 'connected') return false;
    this.#made.note(id);
    await post.tell(id);
    return true;
  }
}

const moment = z.iso.datetime().nullable();

const show = operation({
  id: 'findings.show',
  method: 'get',
  path: '/servers/{id}/findings',
  summary: 'What its agent found when it last looked at itself, as `phlix-agent doctor` says it',
  description:
    'For its owner and admins. The line is measured once a day, everything else is looked at every few hours and when the media server comes or goes. `state` is null where the agent has told nothing: `phlix-agent doctor` beside the media server says it there.',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  response: z
    .object({
      state: z.enum(['ok', 'warning', 'failure']).nullable(),
      looked_at: moment,
      line_measured_at: moment,
      items: z.array(
        findingSchema.extend({ looked_at: z.iso.datetime() }).openapi('FindingOfAgent'),
      ),
    })
    .openapi('Findings'),
  async run(caller, { params }, services: FindingServices) {
    await requireOwned(caller, params.id, services);
    const all = await services.checkups.list(params.id);
    const items = all.flatMap(({ findings, lookedAt }) =>
      findings.map((one) => ({ ...one, looked_at: lookedAt.toISOString() })),
    );
    const timeOf = (wanted: string): string | null =>
      all.find(({ part }) => part === wanted)?.lookedAt.toISOString() ?? null;
    return {
      state: all.length === 0 ? null : worstOf(items),
      looked_at: timeOf('home'),
      line_measured_at: timeOf('line'),
      items,
    };
  },
});

const ask = operation({
  id: 'findings.ask',
  method: 'post',
  path: '/servers/{id}/findings',
  summary: 'Ask its agent to look at itself again, and to measure its line',
  description:
    'It answers within a minute, an agent of an older version never; `line_measured_at` is last to change. `is_asked` is false where the agent is connected to no process of the hub.',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'none',
  status: 202,
  params: serverId,
  response: z.object({ is_asked: z.boolean() }),
  async run(caller, { params }, services: FindingServices) {
    await requireOwned(caller, params.id, services);
    return { is_asked: await services.checkupWishes.make(params.id) };
  },
});

export const findingOperations: readonly Operation<FindingServices>[] = [show, ask];
