// The HUB_LIMIT_ settings arrive; the limits of the edge, the gateway, the API and the names leave. Defaults and their reasons stand in those rooms.

import type { z } from 'zod';

import { maxLinksPerAgent, maxStreamsPerSession } from '../../shared/wire/limits.ts';
import { duration, integer, size } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import { defaultApiLimits, type ApiLimits } from '../api/limits.ts';
import { defaultEdgeLimits, type EdgeLimits } from '../edge/limits.ts';
import { defaultGatewayLimits, type GatewayLimits } from '../gateway/limits.ts';
import { defaultDomainLimits, type DomainLimits } from '../tunnels/domains/limits.ts';
import { defaultNameLimits, type NameLimits } from '../tunnels/limits.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Ranges only: below the least a normal client fails, beyond the most the limit protects nobody. */
export const limitSettings = {
  HUB_LIMIT_HELLO_TIMEOUT: duration(100, 5 * minute).optional(),
  HUB_LIMIT_HANDSHAKE_TIMEOUT: duration(100, 5 * minute).optional(),
  HUB_LIMIT_HEAD_TIMEOUT: duration(100, 5 * minute).optional(),
  HUB_LIMIT_HEAD_SIZE: size(4 * kibibyte, 256 * kibibyte).optional(),
  HUB_LIMIT_TARGET_SIZE: size(kibibyte, 128 * kibibyte).optional(),
  HUB_LIMIT_FIELDS: integer(20, 1000).optional(),
  HUB_LIMIT_IDLE_BODY: duration(second, 24 * hour).optional(),
  HUB_LIMIT_SLOW_BODY: size(1, mebibyte).optional(),
  HUB_LIMIT_KEEP_ALIVE: duration(second, hour).optional(),
  HUB_LIMIT_CONNECTIONS_PER_ADDRESS: integer(1, 1_000_000).optional(),
  HUB_LIMIT_CONNECTIONS_PER_TUNNEL: integer(1, 1_000_000).optional(),
  HUB_LIMIT_REDIRECT_CONNECTIONS: integer(1, 1_000_000).optional(),
  HUB_LIMIT_STREAMS_PER_TUNNEL: integer(1, maxStreamsPerSession * maxLinksPerAgent).optional(),
  HUB_LIMIT_STREAMS_PER_VISITOR: integer(1, 65_535).optional(),
  /** 180 MiB are resident before anybody comes. */
  HUB_LIMIT_MEMORY: size(256 * mebibyte, 1024 * 1024 * mebibyte).optional(),
  HUB_LIMIT_H2_STREAMS: integer(1, 1000).optional(),
  HUB_LIMIT_H2_RESET_BURST: integer(10, 1_000_000).optional(),
  HUB_LIMIT_H2_RESETS_PER_SECOND: integer(1, 1_000_000).optional(),
  HUB_LIMIT_H2_STREAM_WINDOW: size(65_535, 64 * mebibyte).optional(),
  HUB_LIMIT_H2_SESSION_WINDOW: size(65_535, 256 * mebibyte).optional(),
  HUB_LIMIT_H2_SESSION_MEMORY: size(mebibyte, 1024 * mebibyte).optional(),
  HUB_LIMIT_H2_PING: duration(second, hour).optional(),
  HUB_LIMIT_H2_IDLE: duration(second, 24 * hour).optional(),
  HUB_LIMIT_AGENT_HANDSHAKE_TIMEOUT: duration(100, 5 * minute).optional(),
  HUB_LIMIT_AGENT_HANDSHAKES: integer(1, 100_000).optional(),
  HUB_LIMIT_AGENT_TIMEOUT: duration(100, 5 * minute).optional(),
  HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS: integer(1, 1_000_000).optional(),
  HUB_LIMIT_AGENT_FAILURES: integer(1, 1_000_000).optional(),
  HUB_LIMIT_AGENT_ARRIVALS: integer(1, 100_000).optional(),
  HUB_LIMIT_LINKS_PER_AGENT: integer(1, maxLinksPerAgent).optional(),
  HUB_LIMIT_AGENT_STREAMS: integer(1, maxStreamsPerSession).optional(),
  HUB_LIMIT_ENROL_NONCE: duration(second, hour).optional(),
  HUB_LIMIT_ENROL_SIZE: size(kibibyte, mebibyte).optional(),
  HUB_LIMIT_ENROL_TIMEOUT: duration(100, 5 * minute).optional(),
  /** Below the least a passkey's answer does not fit. */
  HUB_LIMIT_API_BODY: size(8 * kibibyte, mebibyte).optional(),
  HUB_LIMIT_API_TIMEOUT: duration(100, 5 * minute).optional(),
  HUB_LIMIT_NAMES_PER_OWNER: integer(1, 1_000_000).optional(),
  HUB_LIMIT_NAME_CHANGES_PER_DAY: integer(1, 1_000_000).optional(),
  HUB_LIMIT_DOMAINS_PER_OWNER: integer(1, 1_000_000).optional(),
  /** Longer than a day, and a name that was lost would be answered for the new owner's visitors. */
  HUB_DOMAIN_CHECK_INTERVAL: duration(second, 24 * hour).optional(),
  HUB_DOMAIN_GRACE: duration(second, 90 * 24 * hour).optional(),
} as const;

type LimitSettings = z.output<z.ZodObject<typeof limitSettings>>;

/** A limit that another one keeps from ever being reached would be believed and do nothing. */
export function limitProblems(settings: LimitSettings): SettingProblem[] {
  const { headBytes, streamsPerTunnel } = edgeLimits(settings);
  const { streamsPerSession, linksPerAgent } = gatewayLimits(settings);
  const pairs: readonly Pair[] = [
    {
      name: 'HUB_LIMIT_STREAMS_PER_TUNNEL',
      most: carriedStreams(settings),
      because: `an agent may hold ${linksPerAgent} links (HUB_LIMIT_LINKS_PER_AGENT) of ${streamsPerSession} streams each (HUB_LIMIT_AGENT_STREAMS)`,
      remedy: 'lower it, or raise the other two',
    },
    {
      name: 'HUB_LIMIT_STREAMS_PER_VISITOR',
      most: streamsPerTunnel,
      because: 'a tunnel carries no more for all (HUB_LIMIT_STREAMS_PER_TUNNEL)',
      remedy: 'lower it, or raise the other one',
    },
    {
      name: 'HUB_LIMIT_TARGET_SIZE',
      most: headBytes,
      because: 'the target is a part of the head (HUB_LIMIT_HEAD_SIZE)',
      remedy: 'lower it, or raise the other one',
    },
  ];
  return pairs.flatMap(({ name, most, because, remedy }) =>
    (settings[name] ?? 0) <= most
      ? []
      : [{ name, expected: `at most ${most}: ${because}`, remedy }],
  );
}

/** What all links of an agent may carry together. */
function carriedStreams(settings: LimitSettings): number {
  const { streamsPerSession, linksPerAgent } = gatewayLimits(settings);
  return streamsPerSession * linksPerAgent;
}

interface Pair {
  readonly name: keyof LimitSettings;
  readonly most: number;
  readonly because: string;
  readonly remedy: string;
}

export function edgeLimits(settings: LimitSettings): EdgeLimits {
  const memoryBytes = settings.HUB_LIMIT_H2_SESSION_MEMORY;
  const usual = defaultEdgeLimits;
  const headBytes = settings.HUB_LIMIT_HEAD_SIZE ?? usual.headBytes;
  const streamsPerTunnel =
    settings.HUB_LIMIT_STREAMS_PER_TUNNEL ??
    Math.min(usual.streamsPerTunnel, carriedStreams(settings));
  return {
    helloTimeoutMs: settings.HUB_LIMIT_HELLO_TIMEOUT ?? usual.helloTimeoutMs,
    handshakeTimeoutMs: settings.HUB_LIMIT_HANDSHAKE_TIMEOUT ?? usual.handshakeTimeoutMs,
    headTimeoutMs: settings.HUB_LIMIT_HEAD_TIMEOUT ?? usual.headTimeoutMs,
    headBytes,
    targetBytes: settings.HUB_LIMIT_TARGET_SIZE ?? Math.min(usual.targetBytes, headBytes),
    fields: settings.HUB_LIMIT_FIELDS ?? usual.fields,
    idleBodyMs: settings.HUB_LIMIT_IDLE_BODY ?? usual.idleBodyMs,
    slowBodyBytes: settings.HUB_LIMIT_SLOW_BODY ?? usual.slowBodyBytes,
    keepAliveMs: settings.HUB_LIMIT_KEEP_ALIVE ?? usual.keepAliveMs,
    connectionsPerAddress:
      settings.HUB_LIMIT_CONNECTIONS_PER_ADDRESS ?? usual.connectionsPerAddress,
    connectionsPerTunnel: settings.HUB_LIMIT_CONNECTIONS_PER_TUNNEL ?? usual.connectionsPerTunnel,
    redirectConnections: settings.HUB_LIMIT_REDIRECT_CONNECTIONS ?? usual.redirectConnections,
    streamsPerTunnel,
    streamsPerVisitor:
      settings.HUB_LIMIT_STREAMS_PER_VISITOR ?? Math.min(usual.streamsPerVisitor, streamsPerTunnel),
    h2Streams: settings.HUB_LIMIT_H2_STREAMS ?? usual.h2Streams,
    h2ResetBurst: settings.HUB_LIMIT_H2_RESET_BURST ?? usual.h2ResetBurst,
    h2ResetsPerSecond: settings.HUB_LIMIT_H2_RESETS_PER_SECOND ?? usual.h2ResetsPerSecond,
    h2StreamWindowBytes: settings.HUB_LIMIT_H2_STREAM_WINDOW ?? usual.h2StreamWindowBytes,
    h2SessionWindowBytes: settings.HUB_LIMIT_H2_SESSION_WINDOW ?? usual.h2SessionWindowBytes,
    h2SessionMegabytes:
      memoryBytes === undefined ? usual.h2SessionMegabytes : Math.ceil(memoryBytes / mebibyte),
    h2PingMs: settings.HUB_LIMIT_H2_PING ?? usual.h2PingMs,
    h2IdleMs: settings.HUB_LIMIT_H2_IDLE ?? usual.h2IdleMs,
  };
}

export function gatewayLimits(settings: LimitSettings): GatewayLimits {
  const usual = defaultGatewayLimits;
  return {
    handshakeTimeoutMs: settings.HUB_LIMIT_AGENT_HANDSHAKE_TIMEOUT ?? usual.handshakeTimeoutMs,
    handshakesWhenLate: settings.HUB_LIMIT_AGENT_HANDSHAKES ?? usual.handshakesWhenLate,
    authenticationTimeoutMs: settings.HUB_LIMIT_AGENT_TIMEOUT ?? usual.authenticationTimeoutMs,
    connectionsPerAddress:
      settings.HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS ?? usual.connectionsPerAddress,
    failuresPerMinute: settings.HUB_LIMIT_AGENT_FAILURES ?? usual.failuresPerMinute,
    arrivalsPerSecond: settings.HUB_LIMIT_AGENT_ARRIVALS ?? usual.arrivalsPerSecond,
    linksPerAgent: settings.HUB_LIMIT_LINKS_PER_AGENT ?? usual.linksPerAgent,
    streamsPerSession: settings.HUB_LIMIT_AGENT_STREAMS ?? usual.streamsPerSession,
  };
}

export function apiLimits(settings: LimitSettings): ApiLimits {
  const usual = defaultApiLimits;
  return {
    ...usual,
    enrolNonceMs: settings.HUB_LIMIT_ENROL_NONCE ?? usual.enrolNonceMs,
    enrolBytes: settings.HUB_LIMIT_ENROL_SIZE ?? usual.enrolBytes,
    enrolTimeoutMs: settings.HUB_LIMIT_ENROL_TIMEOUT ?? usual.enrolTimeoutMs,
    bodyBytes: settings.HUB_LIMIT_API_BODY ?? usual.bodyBytes,
    bodyTimeoutMs: settings.HUB_LIMIT_API_TIMEOUT ?? usual.bodyTimeoutMs,
  };
}

export function nameLimits(settings: LimitSettings): NameLimits {
  const usual = defaultNameLimits;
  return {
    ...usual,
    namesPerOwner: settings.HUB_LIMIT_NAMES_PER_OWNER ?? usual.namesPerOwner,
    changesPerDay: settings.HUB_LIMIT_NAME_CHANGES_PER_DAY ?? usual.changesPerDay,
  };
}

export function domainLimits(settings: LimitSettings): DomainLimits {
  const usual = defaultDomainLimits;
  return {
    ...usual,
    domainsPerOwner: settings.HUB_LIMIT_DOMAINS_PER_OWNER ?? usual.domainsPerOwner,
    checkIntervalMs: settings.HUB_DOMAIN_CHECK_INTERVAL ?? usual.checkIntervalMs,
    graceMs: settings.HUB_DOMAIN_GRACE ?? usual.graceMs,
  };
}
