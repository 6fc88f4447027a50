// A browser or a program asks to be told; an event stream leaves that ends within a second of its login, and is never more than a few of one person.

import { z } from '@hono/zod-openapi';

import { addressBucket } from '../../../shared/net-address.ts';
import { ApiError } from '../problem/api-error.ts';
import { EventChannel } from './event-channel.ts';
import { topics, type News, type NewsItem, type Topic } from './news.ts';
import { operation, type Operation } from '../operation/operation.ts';
import type { Stream } from '../operation/reply.ts';
import {
  requireOwned,
  requireVisible,
  type ServerViews,
  type SignedIn,
} from '../areas/server-view.ts';

/** Whether what a caller came with is still good. */
export interface CallerLife {
  /** Calls back with the id of a login or token that has ended; undefined: any may have. Returns the way to be called no more. */
  onEnded(listener: (id: string | undefined) => void): () => void;
  /** Looks without counting as a use. False too when its account can do less than it could. */
  isGood(caller: SignedIn): Promise<boolean>;
}

export interface ChannelLimits {
  /** Each tab has one; a phone and a desk with three tabs each are six. */
  readonly perCaller: number;
  /** A house with several people in it. */
  readonly perAddress: number;
  readonly heartbeatMs: number;
  readonly bufferBytes: number;
  /** Between two looks at whether an idle login has ended by itself. */
  readonly lookEveryMs: number;
}

/** Home routers forget an idle connection after 30 s at worst. */
const defaultChannelLimits: ChannelLimits = {
  perCaller: 8,
  perAddress: 32,
  heartbeatMs: 15_000,
  bufferBytes: 65_536,
  lookEveryMs: 30_000,
};

interface Listening {
  readonly caller: SignedIn;
  readonly channel: EventChannel;
}

/** All channels of this process. */
export class EventChannels {
  readonly #news: News;
  readonly #views: Pick<ServerViews, 'servers' | 'sharing'>;
  readonly #life: CallerLife;
  readonly #limits: ChannelLimits;
  readonly #open = new Set<Listening>();
  readonly #watch: NodeJS.Timeout;
  readonly #stopListening: () => void;

  constructor(options: {
    news: News;
    views: Pick<ServerViews, 'servers' | 'sharing'>;
    life: CallerLife;
    limits?: ChannelLimits;
  }) {
    this.#news = options.news;
    this.#views = options.views;
    this.#life = options.life;
    this.#limits = options.limits ?? defaultChannelLimits;
    this.#stopListening = options.life.onEnded((id) => this.#onEnded(id));
    this.#watch = setInterval(() => this.#onEnded(undefined), this.#limits.lookEveryMs).unref();
  }

  get count(): number {
    return this.#open.size;
  }

  /** @throws ApiError api.busy */
  open(
    caller: SignedIn,
    wanted: { topics: ReadonlySet<Topic>; serverId: string | undefined; isAdmin: boolean },
    signal: AbortSignal,
  ): Stream {
    this.#requireRoom(caller);
    const seen = new Map<string, boolean>();
    const { heartbeatMs, bufferBytes } = this.#limits;
    const channel = new EventChannel({
      heartbeatMs,
      bufferBytes,
      mayKnow: async (item) => this.#mayKnow(item, caller, wanted, seen),
      onClosed: () => {
        stop();
        this.#open.delete(listening);
      },
    });
    const listening: Listening = { caller, channel };
    const heard = new Set<Topic>([...wanted.topics, 'servers']);
    const listener = (item: NewsItem): void => {
      if (wanted.topics.has(item.topic)) channel.tell(item);
      else if (typeof item.about === 'object' && 'serverId' in item.about)
        seen.delete(item.about.serverId);
    };
    const stop = this.#news.listen(heard, listener, wanted.serverId);
    this.#open.add(listening);
    signal.addEventListener('abort', () => channel.close(), { once: true });
    if (signal.aborted) channel.close();
    return { content: channel.content };
  }

  /** A hub that drains waits for what runs, and these run for ever: they come back elsewhere. */
  closeAll(): void {
    for (const { channel } of this.#open) channel.close();
  }

  stop(): void {
    clearInterval(this.#watch);
    this.#stopListening();
    this.closeAll();
  }

  #requireRoom(caller: SignedIn): void {
    const all = [...this.#open];
    const key = keyOf(caller);
    const place = placeOf(caller);
    const ofCaller = all.filter((one) => keyOf(one.caller) === key).length;
    const ofPlace = all.filter((one) => placeOf(one.caller) === place).length;
    const { perCaller, perAddress, heartbeatMs } = this.#limits;
    if (ofCaller < perCaller && ofPlace < perAddress) return;
    const sentence = 'Too many pages of the hub are open here: close some of them.';
    // Whoever went away without a word is noticed at the next beat.
    throw new ApiError('api.busy', sentence, { retryAfterMs: heartbeatMs });
  }

  #onEnded(id: string | undefined): void {
    for (const { caller, channel } of this.#open) {
      if (id === keyOf(caller)) channel.close();
      else if (id === undefined) void this.#closeUnlessGood(caller, channel);
    }
  }

  async #closeUnlessGood(caller: SignedIn, channel: EventChannel): Promise<void> {
    // Whoever cannot be asked about is let go: he comes back, and is asked.
    const isGood = await this.#life.isGood(caller).catch(() => false);
    if (!isGood) channel.close();
  }

  async #mayKnow(
    { topic, about }: NewsItem,
    caller: SignedIn,
    { serverId, isAdmin }: { serverId: string | undefined; isAdmin: boolean },
    seen: Map<string, boolean>,
  ): Promise<boolean> {
    if (about === 'admins') return isAdmin;
    if ('accountId' in about) return about.accountId === caller.account.id;
    if (serverId !== undefined && about.serverId !== serverId) return false;
    // Asked each time: who may look at the visitors of a server is worth a question every two seconds.
    if (about.isForOwners === true)
      return requireOwned(caller, about.serverId, this.#views).then(() => true, isNotThere);
    // What changed in a server may be who sees it.
    const known = topic === 'servers' ? undefined : seen.get(about.serverId);
    if (known !== undefined) return known;
    const former = seen.get(about.serverId);
    const isSeen = await requireVisible(caller, about.serverId, this.#views).then(
      () => true,
      isNotThere,
    );
    seen.set(about.serverId, isSeen);
    // Whoever saw it must hear that it is gone.
    return isSeen || former === true;
  }
}

export interface EventServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly channels: EventChannels;
}

const listen = operation({
  id: 'events.listen',
  method: 'get',
  path: '/events',
  summary: 'Be told what happens, as server-sent events',
  description:
    'An event is named by its topic and carries JSON. The first is named ready: whatever happened before is not repeated.',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  query: z.object({
    topics: z
      .string()
      .max(200)
      .default('servers')
      .openapi({ description: `Of ${topics.join(', ')}; several with commas between` }),
    server: z.uuid().optional().openapi({ description: 'Of this server alone' }),
  }),
  produces: 'text/event-stream',
  async run(caller, { query, signal, isAdminDoorOpen }, services: EventServices) {
    const wanted = topicsOf(query.topics);
    const { server: serverId } = query;
    if (serverId !== undefined) await requireVisible(caller, serverId, services);
    const isAdmin = isAdminDoorOpen && caller.account.role === 'admin' && caller.kind === 'login';
    return services.channels.open(caller, { topics: wanted, serverId, isAdmin }, signal);
  },
});

export const eventOperations: readonly Operation<EventServices>[] = [listen];

function topicsOf(text: string): ReadonlySet<Topic> {
  const words = text.split(',').map((word) => word.trim());
  const known = topics.filter((topic) => words.includes(topic));
  if (words.every((word) => (known as readonly string[]).includes(word))) return new Set(known);
  throw new ApiError('api.malformed', `The topics are ${topics.join(', ')}: name some of them.`);
}

function isNotThere(error: unknown): boolean {
  if (error instanceof ApiError) return false;
  throw error;
}

function keyOf(caller: SignedIn): string {
  return caller.kind === 'login' ? caller.login.id : caller.tokenId;
}

function placeOf({ address, peer }: SignedIn): string {
  const known = address ?? peer;
  return known === undefined ? '' : addressBucket(known);
}
