// Questions about traffic arrive: what runs now, what ran in the last year, how good the line is, and what happened to a server.

import { z } from '@hono/zod-openapi';

import { isAdminHere } from '../../accounts/caller.ts';
import type { LiveStream } from '../../usage/live-stream.ts';
import type { LimitSubject } from '../../usage/limits.ts';
import type {
  LinkQuality,
  LinkSample,
  ServerEvent,
  StatusClass,
  TrafficRow,
  UsageReadings,
  WatchedServer,
} from '../../usage/usage.ts';
import { ApiError } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf, strangeCursor } from '../operation/page.ts';
import { requireVisible, serverId, type ServerViews, type SignedIn } from './server-view.ts';

export interface UsageServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly usage: UsageReadings;
}

const streamSchema = z
  .object({
    id: z.string(),
    since: z.iso.datetime(),
    address: z.string().nullable().openapi({ description: 'null for members, too' }),
    app: z.string(),
    kind: z.enum(['page', 'video', 'audio', 'image', 'socket', 'file']).nullable(),
    path: z.enum(['playback', 'image', 'api', 'web', 'socket', 'other']),
    bytes_up: z.number(),
    bytes_down: z.number(),
    bits_per_second: z.number(),
    limited_by: z.enum(['viewer', 'line', 'agent', 'origin', 'limit']).nullable().openapi({
      description: 'Known a few seconds after somebody began to look; null until then',
    }),
  })
  .openapi('LiveStream');

const delays = { rtt_ms: z.number().nullable(), queue_ms: z.number().nullable() };
const rates = { bits_per_second_up: z.number(), bits_per_second_down: z.number() };

const liveSchema = z
  .object({
    agent: z.string().optional(),
    is_connected: z.boolean(),
    link: z.object({ links: z.number().int(), ...delays, ...rates }).nullable(),
    streams: z.array(streamSchema),
  })
  .openapi('LiveServer');

const live = operation({
  id: 'usage.live',
  method: 'get',
  path: '/servers/{id}/live',
  summary: 'What runs through a server now, and how good its line is',
  auth: 'login',
  scope: 'usage:read',
  stepUp: 'none',
  params: serverId,
  response: liveSchema,
  async run(caller, { params }, services: UsageServices) {
    const { usage } = services;
    const server = await requireVisible(caller, params.id, services);
    const facts = (await usage.agents([params.id])).get(params.id);
    const link = usage.linkQuality(params.id);
    const state = { link, isConnected: link !== undefined, streams: usage.live(params.id) };
    const isOwn = mayKnowVisitors(caller, server.ownerId);
    return { ...(facts && { agent: facts.software }), ...liveJson(state, isOwn) };
  },
});

const link = operation({
  id: 'usage.link',
  method: 'get',
  path: '/servers/{id}/link',
  summary: 'The chart of a server’s line: a point each ten seconds, or of a day each five minutes',
  auth: 'login',
  scope: 'usage:read',
  stepUp: 'none',
  params: serverId,
  query: z.object({ span: z.enum(['hour', 'day']).default('hour') }),
  response: z.object({
    items: z.array(z.object({ at: z.iso.datetime(), ...delays, ...rates }).openapi('LinkSample')),
  }),
  async run(caller, { params, query }, services: UsageServices) {
    await requireVisible(caller, params.id, services);
    const samples = await services.usage.linkSamples(params.id, query.span);
    return { items: samples.map(sampleJson) };
  },
});

const count = z.number().int();
const trafficSchema = z.object({
  items: z.array(
    z
      .object({
        at: z.iso.datetime(),
        bytes_up: z.number(),
        bytes_down: z.number(),
        requests: z.object({
          '1xx': count,
          '2xx': count,
          '3xx': count,
          '4xx': count,
          '5xx': count,
          none: count,
        } satisfies Record<StatusClass, typeof count>),
      })
      .openapi('Traffic'),
  ),
});

/** By the hour a month is 744 rows, by the day a year 366. */
const longestMs = { hour: 32 * 86_400_000, day: 367 * 86_400_000 };

const trafficQuery = z.object({
  by: z.enum(['hour', 'day']).default('day'),
  from: z.iso.datetime({ offset: true }),
  to: z.iso.datetime({ offset: true }).optional(),
});

const traffic = operation({
  id: 'usage.traffic',
  method: 'get',
  path: '/servers/{id}/traffic',
  summary:
    'Bytes and requests of a server by hour or day of UTC; hours and days without any are left out',
  auth: 'login',
  scope: 'usage:read',
  stepUp: 'none',
  params: serverId,
  query: trafficQuery,
  response: trafficSchema,
  async run(caller, { params, query }, services: UsageServices) {
    await requireVisible(caller, params.id, services);
    return trafficOf({ scope: 'server', id: params.id }, query, services);
  },
});

const accountTraffic = operation({
  id: 'usage.account-traffic',
  method: 'get',
  path: '/account/traffic',
  summary: 'Bytes and requests of all your servers together, by hour or day of UTC',
  auth: 'owner',
  scope: 'usage:read',
  stepUp: 'none',
  query: trafficQuery,
  response: trafficSchema,
  run: async ({ account }, { query }, services: UsageServices) =>
    trafficOf({ scope: 'account', id: account.ownerId }, query, services),
});

const events = operation({
  id: 'usage.events',
  method: 'get',
  path: '/servers/{id}/events',
  summary: 'What happened to a server, the latest first',
  auth: 'login',
  scope: 'usage:read',
  stepUp: 'none',
  params: serverId,
  query: pageQuery,
  response: listOf(
    z
      .object({
        id: z.uuid(),
        at: z.iso.datetime(),
        kind: z.enum([
          'connected',
          'disconnected',
          'renamed',
          'agent-updated',
          'certificate-renewed',
        ]),
        detail: z.record(z.string(), z.string()),
      })
      .openapi('ServerEvent'),
  ),
  async run(caller, { params, query }, services: UsageServices) {
    const server = await requireVisible(caller, params.id, services);
    const [before] = placeOf(query, 1) ?? [];
    if (before !== undefined && !z.uuid().safeParse(before).success) throw strangeCursor();
    const page = { limit: query.limit + 1, ...(before !== undefined && { before }) };
    const rows = await services.usage.events(params.id, page);
    const isOwn = mayKnowVisitors(caller, server.ownerId);
    return pageOf(rows, query, {
      keyOf: ({ id }) => [id],
      itemOf: (event) => eventJson(event, isOwn),
    });
  },
});

export const usageOperations: readonly Operation<UsageServices>[] = [
  live,
  link,
  traffic,
  accountTraffic,
  events,
];

/** What somebody is told who watches; `isOwn`: he may know who his visitors are. */
export function liveJson(
  state: Pick<WatchedServer, 'isConnected' | 'link' | 'streams'>,
  isOwn: boolean,
): z.input<typeof liveSchema> {
  return {
    is_connected: state.isConnected,
    link: state.link === undefined ? null : linkJson(state.link),
    streams: state.streams.map((stream) => streamJson(stream, isOwn)),
  };
}

function mayKnowVisitors(caller: SignedIn, ownerId: string): boolean {
  return isAdminHere(caller) || caller.account.ownerId === ownerId;
}

function streamJson(stream: LiveStream, isOwn: boolean): z.input<typeof streamSchema> {
  return {
    id: stream.id,
    since: stream.since.toISOString(),
    address: (isOwn ? stream.address : undefined) ?? null,
    app: stream.app,
    kind: stream.kind ?? null,
    path: stream.path,
    bytes_up: stream.bytesUp,
    bytes_down: stream.bytesDown,
    bits_per_second: stream.bitsPerSecond,
    limited_by: stream.limitedBy ?? null,
  };
}

function linkJson(quality: LinkQuality) {
  return { links: quality.links, ...qualityJson(quality) };
}

function sampleJson(sample: LinkSample) {
  return { at: sample.at.toISOString(), ...qualityJson(sample) };
}

function qualityJson(quality: Omit<LinkQuality, 'links'>) {
  return {
    rtt_ms: tenths(quality.rttMs),
    queue_ms: tenths(quality.queueMs),
    bits_per_second_up: quality.bitsPerSecondUp,
    bits_per_second_down: quality.bitsPerSecondDown,
  };
}

function tenths(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10) / 10;
}

/** Where the agent dialled from is its owner's to know. */
function eventJson({ id, at, kind, detail }: ServerEvent, isOwn: boolean) {
  const { address, ...rest } = detail;
  const shown = isOwn && address !== undefined ? { ...rest, address } : rest;
  return { id, at: at.toISOString(), kind, detail: shown };
}

async function trafficOf(
  subject: LimitSubject,
  query: z.output<typeof trafficQuery>,
  { usage }: UsageServices,
) {
  const from = new Date(query.from);
  const to = query.to === undefined ? new Date() : new Date(query.to);
  if (from > to)
    throw new ApiError(
      'api.malformed',
      '`from` lies after `to`, which is now where nothing else is said: write the earlier time first.',
    );
  if (to.getTime() - from.getTime() > longestMs[query.by])
    throw new ApiError(
      'api.malformed',
      'Ask for a month by the hour at most, or a year by the day.',
    );
  const rows = await usage.traffic({ subject, by: query.by, from, to });
  return { items: rows.map(trafficJson) };
}

function trafficJson({ at, bytesUp, bytesDown, requests }: TrafficRow) {
  return { at: at.toISOString(), bytes_up: bytesUp, bytes_down: bytesDown, requests };
}
