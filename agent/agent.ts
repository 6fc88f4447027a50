// Settings arrive; a running agent leaves: enrolled once, linked for as long as it lives, every stream joined to the origin.

import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';

import { Backoff } from '../shared/backoff.ts';
import type { Logger } from '../shared/log.ts';
import type { Secret } from '../shared/settings/secret.ts';
import type { AgentConfig } from './config.ts';
import { identityPath, openStateFolder, type Enrolled } from './credentials.ts';
import { nextEpoch } from './epoch.ts';
import type { AgentFailure } from './failure.ts';
import { fetchTunnelUrls } from './hub-api.ts';
import { enrolIdentity, storedIdentity } from './identity.ts';
import type { LinkRequest } from './link.ts';
import { Links } from './links.ts';
import { NetworkWatch } from './network-watch.ts';
import { Origin } from './origin.ts';
import { serve } from './serve.ts';
import { SlabPool } from './slabs.ts';
import { Slots } from './slots.ts';
import { serveStatus, type AgentStatus } from './status.ts';
import { supervise, type Outcome, type Supervision } from './supervise.ts';
import { trustOf } from './trust.ts';
import { Ways } from './ways.ts';

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly version: string;
  readonly log: Logger;
  /** Called only while there is no identity. */
  readonly readToken: () => Secret | undefined;
  /** Names of variables that carry a token which an enrolled agent no longer reads. */
  readonly leftoverTokens: readonly string[];
  /** For each step of reaching the hub: three seconds are seen on a slow NAS, ten are given. */
  readonly deadlineMs?: number;
  /** How long running streams may go on after the signal to stop. Docker kills after ten seconds. */
  readonly drainMs?: number;
  readonly backoff?: () => Backoff;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #config: AgentConfig;
  readonly #log: Logger;
  readonly #software: string;
  readonly #deadlineMs: number;
  readonly #origin: Origin;
  readonly #slabs = new SlabPool();
  #links: Links | undefined;
  #state: AgentStatus['state'] = 'enrolling';
  #since = new Date();
  #serverId: string | undefined;
  #addresses: readonly string[] = [];
  #lastFailure: AgentStatus['lastFailure'];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#log = options.log;
    this.#software = `phlix-agent/${options.version}`;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#origin = new Origin(options.config.origin, options.log);
  }

  /**
   * Resolves when the signal aborts, or when a failure leaves nothing to try.
   * @throws CredentialError | StatusError | SettingsError when the state folder or a file cannot be used
   */
  async run(signal: AbortSignal): Promise<Outcome<never>> {
    const { stateFolder } = this.#config;
    await openStateFolder(stateFolder);
    const status = await serveStatus(stateFolder, () => this.status());
    try {
      const identity = await this.#identity(signal);
      if (identity.end !== 'done') return identity;
      return await this.#stayLinked(identity.result, signal);
    } finally {
      await this.#stop();
      status.close();
      await once(status, 'close');
    }
  }

  status(): AgentStatus {
    return {
      version: this.#options.version,
      state: this.#state,
      hub: this.#config.hub.url,
      serverId: this.#serverId,
      addresses: this.#addresses,
      since: this.#since.toISOString(),
      streams: this.#links?.streamCount ?? 0,
      roundTripMs: this.#roundTripMs(),
      links: this.#links?.status() ?? [],
      origin: { url: this.#origin.url, state: this.#origin.state },
      lastFailure: this.#lastFailure,
    };
  }

  async #identity(signal: AbortSignal): Promise<Outcome<Enrolled>> {
    const stored = await storedIdentity(this.#config);
    if (stored !== undefined) {
      for (const name of this.#options.leftoverTokens) {
        this.#log.warn(
          { variable: name, remedy: `unset ${name}` },
          'enrolment token is no longer needed',
        );
      }
      return { end: 'done', result: stored };
    }
    const asked = {
      config: this.#config,
      log: this.#log,
      software: this.#software,
      readToken: this.#options.readToken,
      deadlineMs: this.#deadlineMs,
      signal,
    };
    return supervise(() => enrolIdentity(asked), this.#supervision(this.#backoff(), signal));
  }

  async #stayLinked(identity: Enrolled, signal: AbortSignal): Promise<Outcome<never>> {
    this.#serverId = identity.serverId;
    this.#become('connecting');
    const links = await this.#makeLinks(identity);
    this.#links = links;
    const watch = new NetworkWatch({
      onChange: () => links.networkChanged((address) => watch.has(address)),
    });
    try {
      return await links.run(signal);
    } finally {
      watch.stop();
    }
  }

  async #makeLinks(identity: Enrolled): Promise<Links> {
    const { hub, origin, stateFolder, links: count } = this.#config;
    const trust = await trustOf(this.#config, identity.caPem);
    return new Links({
      count,
      ways: new Ways(hub, identity.tunnelUrls),
      slots: new Slots(),
      request: {
        identity,
        identityFile: identityPath(stateFolder),
        trust,
        proxy: hub.proxy,
        epoch: await nextEpoch(stateFolder, Date.now()),
        originProtocol: origin.protocol,
        software: this.#software,
        deadlineMs: this.#deadlineMs,
        onStream: (stream) => serve(stream, this.#origin, this.#slabs),
        onAddresses: (addresses) => this.#announce(addresses),
      },
      askTunnelUrls: (signal) => this.#askTunnelUrls(trust, signal),
      backoff: () => this.#backoff(),
      log: this.#log,
      onUp: ({ addresses }) => this.#noteUp(addresses),
      onDown: () => this.#noteDown(),
      onFailure: (failure, retryInMs) => this.#remember(failure, retryInMs),
    });
  }

  /** The hub's ports may have moved; where it does not say, the known ones are tried again. */
  async #askTunnelUrls(
    trust: LinkRequest['trust'],
    signal: AbortSignal,
  ): Promise<readonly string[] | undefined> {
    try {
      // Shorter than a dial: a hub that hides behind a firewall must not double the time of each attempt.
      return await fetchTunnelUrls(this.#config.hub, { ...trust, signal, deadlineMs: 3000 });
    } catch (error) {
      this.#log.debug({ err: error }, 'the hub does not say where its tunnel is');
      return undefined;
    }
  }

  /** The first link is news, the others are not. */
  #noteUp(addresses: readonly string[]): void {
    const isNews = this.#state !== 'connected';
    if (isNews) this.#become('connected');
    this.#announce(addresses, isNews);
  }

  #noteDown(): void {
    const isLast = this.#links?.live.length === 0;
    if (isLast && this.#state === 'connected') this.#become('connecting');
  }

  /** Every link brings the same addresses, and every rename comes over all of them. */
  #announce(addresses: readonly string[], isNews = false): void {
    if (!isNews && addresses.join() === this.#addresses.join()) return;
    this.#addresses = addresses;
    const facts = { hub: this.#config.hub.url, addresses, origin: this.#origin.url };
    if (addresses.length > 0) this.#log.info(facts, 'your server is reachable');
    else this.#log.info(facts, 'connected, waiting for a name');
  }

  #become(state: AgentStatus['state']): void {
    this.#state = state;
    this.#since = new Date();
  }

  #supervision(backoff: Backoff, signal: AbortSignal): Supervision {
    return {
      backoff,
      signal,
      log: this.#log,
      random: Math.random,
      sleep: ({ ms }, until) => after(ms, undefined, { signal: until }).catch(() => undefined),
      onFailure: (failure, retryInMs) => this.#remember(failure, retryInMs),
    };
  }

  #remember(failure: AgentFailure, retryInMs: number | undefined): void {
    const nowMs = Date.now();
    this.#lastFailure = {
      code: failure.code,
      message: failure.message,
      at: new Date(nowMs).toISOString(),
      retryAt: retryInMs === undefined ? undefined : new Date(nowMs + retryInMs).toISOString(),
    };
  }

  #roundTripMs(): number | undefined {
    const live = this.#links?.live ?? [];
    const rtts = live.flatMap(({ session }) => session.rttMs ?? []);
    return rtts.length === 0 ? undefined : Math.min(...rtts);
  }

  #backoff(): Backoff {
    return this.#options.backoff?.() ?? new Backoff();
  }

  async #stop(): Promise<void> {
    this.#become('stopping');
    const cut = (await this.#links?.drain(this.#options.drainMs ?? 9000)) ?? 0;
    if (cut > 0) this.#log.warn({ streams: cut }, 'streams cut while stopping');
  }
}
