// An identity and what to do with streams arrive; the links to its hub leave, on every way that leads there.

import type { Backoff } from '../shared/backoff.ts';
import type { Logger } from '../shared/log.ts';
import type { SendStalls } from '../shared/mux/stalls.ts';
import type { MuxStream } from '../shared/mux/stream.ts';
import type { AgentConfig } from './config.ts';
import { identityPath } from './credentials.ts';
import type { AgentFailure } from './failure.ts';
import { fetchTunnelUrls } from './hub-api.ts';
import type { Keys } from './keys.ts';
import { Links } from './links.ts';
import type { Slots } from './slots.ts';
import { trustOf, type Trust } from './trust.ts';
import { Ways } from './ways.ts';

export interface UplinkOptions {
  readonly config: AgentConfig;
  readonly keys: Pick<Keys, 'identity' | 'guard'>;
  readonly epoch: bigint;
  readonly slots: Slots;
  readonly software: string;
  readonly deadlineMs: number;
  readonly log: Logger;
  readonly backoff: () => Backoff;
  /** See Supervision. */
  readonly standbyMs?: number | undefined;
  readonly stalls?: SendStalls;
  readonly onStream: (stream: MuxStream, opening: Buffer) => void;
  readonly onAddresses: (addresses: readonly string[]) => void;
  readonly onCheckup?: (() => void) | undefined;
  readonly onUp: (addresses: readonly string[]) => void;
  readonly onDown: () => void;
  readonly onFailure: (failure: AgentFailure, retryInMs: number | undefined) => void;
}

/** Shorter than a dial: a hub that hides behind a firewall must not double the time of each attempt. */
const askDeadlineMs = 3000;

/** @throws CredentialError when PHLIX_HUB_CA_FILE cannot be used */
export async function makeUplink(options: UplinkOptions): Promise<Links> {
  const { config, keys, log, epoch, software, deadlineMs, onStream, onAddresses } = options;
  const { caPem, tunnelUrls } = keys.identity;
  const trust = await trustOf(config, caPem);
  return new Links({
    count: config.links,
    ways: new Ways(config.hub, tunnelUrls),
    slots: options.slots,
    request: {
      // Read anew by each dial: the key may have changed since the last one.
      get identity() {
        return keys.identity;
      },
      identityFile: identityPath(config.stateFolder),
      trust,
      proxy: config.hub.proxy,
      epoch,
      originProtocol: config.origin.protocol,
      wantsClientAddress: config.origin.sendsProxyHeader === true,
      software,
      deadlineMs,
      ...(options.stalls !== undefined && { stalls: options.stalls }),
      onStream,
      onAddresses,
      onCheckup: options.onCheckup,
    },
    askTunnelUrls: (signal) => askTunnelUrls(config, trust, log, signal),
    guard: (attempt) => keys.guard(attempt),
    backoff: options.backoff,
    standbyMs: options.standbyMs,
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
