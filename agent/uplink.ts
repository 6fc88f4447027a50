// An identity and what to do with streams arrive; the links to its hub leave, on every way that leads there.

import type { Backoff } from '../shared/backoff.ts';
import type { Logger } from '../shared/log.ts';
import type { MuxStream } from '../shared/mux/stream.ts';
import type { AgentConfig } from './config.ts';
import { identityPath, type Enrolled } from './credentials.ts';
import type { AgentFailure } from './failure.ts';
import { fetchTunnelUrls } from './hub-api.ts';
import { Links } from './links.ts';
import type { Slots } from './slots.ts';
import { trustOf, type Trust } from './trust.ts';
import { Ways } from './ways.ts';

export interface UplinkOptions {
  readonly config: AgentConfig;
  readonly identity: Enrolled;
  readonly epoch: bigint;
  readonly slots: Slots;
  readonly software: string;
  readonly deadlineMs: number;
  readonly log: Logger;
  readonly backoff: () => Backoff;
  readonly onStream: (stream: MuxStream, opening: Buffer) => void;
  readonly onAddresses: (addresses: readonly string[]) => void;
  readonly onUp: (addresses: readonly string[]) => void;
  readonly onDown: () => void;
  readonly onFailure: (failure: AgentFailure, retryInMs: number | undefined) => void;
}

/** Shorter than a dial: a hub that hides behind a firewall must not double the time of each attempt. */
const askDeadlineMs = 3000;

/** @throws CredentialError when PHLIX_HUB_CA_FILE cannot be used */
export async function makeUplink(options: UplinkOptions): Promise<Links> {
  const { config, identity, log, epoch, software, deadlineMs, onStream, onAddresses } = options;
  const trust = await trustOf(config, identity.caPem);
  return new Links({
    count: config.links,
    ways: new Ways(config.hub, identity.tunnelUrls),
    slots: options.slots,
    request: {
      identity,
      identityFile: identityPath(config.stateFolder),
      trust,
      proxy: config.hub.proxy,
      epoch,
      originProtocol: config.origin.protocol,
      wantsClientAddress: config.origin.sendsProxyHeader === true,
      software,
      deadlineMs,
      onStream,
      onAddresses,
    },
    askTunnelUrls: (signal) => askTunnelUrls(config, trust, log, signal),
    backoff: options.backoff,
    log,
    onUp: ({ addresses }) => options.onUp(addresses),
    onDown: options.onDown,
    onFailure: options.onFailure,
  });
}

async function askTunnelUrls(
  config: AgentConfig,
  trust: Trust,
  log: Logger,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  try {
    return await fetchTunnelUrls(config.hub, { ...trust, signal, deadlineMs: askDeadlineMs });
  } catch (error) {
    log.debug({ err: error }, 'the hub does not say where its tunnel is');
    return undefined;
  }
}
