// Settings arrive; a running agent leaves: enrolled once, linked for as long as it lives, every stream joined to the origin.

import type { Server } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

import { Backoff } from '../shared/backoff.ts';
import { listenText } from '../shared/listen-address.ts';
import type { Logger } from '../shared/log.ts';
import type { Secret } from '../shared/settings/secret.ts';
import { Checkups, type CheckUp, type CheckupPace } from './checkups.ts';
import type { AgentConfig } from './config.ts';
import { openStateFolder, type Enrolled } from './credentials.ts';
import { nextEpoch } from './epoch.ts';
import type { AgentFailure } from './failure.ts';
import { Keys } from './keys.ts';
import { enrolIdentity, storedIdentity } from './identity.ts';
import type { Links } from './links.ts';
import { NetworkWatch } from './dialling/network-watch.ts';
import { Origin } from './origin.ts';
import { serve } from './serve.ts';
import { SlabPool } from './slabs.ts';
import { answerRotate, rotateQuestion } from './rotate.ts';
import { Slots } from './slots.ts';
import { serveStatus, type AgentStatus } from './status.ts';
import { supervise, type Outcome, type Supervision } from './supervise.ts';
import { AgentCounts } from './telemetry/agent-counts.ts';
import {
  Estate,
  findPredecessor,
  refuseSuccessor,
  takeoverQuestion,
  type Inheritance,
  type Predecessor,
} from './takeover.ts';
import { makeUplink } from './uplink.ts';

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
  /** How long a former agent waits for this one to reach the hub, before it goes on alone. */
  readonly takeoverMs?: number;
  readonly backoff?: () => Backoff;
  /** How soon one whose key another agent has taken over with tries again: after this, or up to twice as long. */
  readonly standbyMs?: number;
  /** Looks as the doctor does, and tells the hub. Absent: nobody does. */
  readonly checkUp?: CheckUp;
  readonly checkupPace?: CheckupPace;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #config: AgentConfig;
  readonly #log: Logger;
  readonly #software: string;
  readonly #deadlineMs: number;
  readonly #origin: Origin;
  readonly #slabs = new SlabPool();
  readonly #counts = new AgentCounts();
  readonly #handedOver = new AbortController();
  readonly #firstLink = Promise.withResolvers<void>();
  #keys: Keys | undefined;
  #checkups: Checkups | undefined;
  #epoch = 0n;
  #links: Links | undefined;
  #slots: Slots | undefined;
  #estate: Estate | undefined;
  #door: Server | undefined;
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
    this.#origin = new Origin(options.config.origin, options.log, {
      onChange: (isAnswering) => this.#checkups?.noteOrigin(isAnswering),
    });
  }

  /**
   * Resolves when the signal aborts, when another agent has taken over, or when a failure leaves nothing to try.
   * @throws CredentialError | StatusError | SettingsError when the state folder or a file cannot be used
   */
  async run(signal: AbortSignal): Promise<Outcome<never>> {
    await openStateFolder(this.#config.stateFolder);
    const predecessor = await findPredecessor(this.#config.stateFolder);
    const whole = AbortSignal.any([signal, this.#handedOver.signal]);
    const closeMetrics = await this.#serveMetrics();
    try {
      if (predecessor === undefined) await this.#listen();
      const identity = await this.#identity(whole);
      if (identity.end !== 'done') return identity;
      return await this.#stayLinked(identity.result, predecessor, whole);
    } finally {
      predecessor?.withdraw();
      await this.#stop();
      closeMetrics();
      this.#door?.close();
    }
  }

  /** Returns the way to end it. */
  async #serveMetrics(): Promise<() => void> {
    const { metricsListen } = this.#config;
    if (metricsListen === undefined) return () => undefined;
    // Only now: most homes do without, and a NAS has better use for the memory.
    const { openMetrics } = await import('./telemetry/agent-metrics.ts');
    const measured = {
      counts: this.#counts,
      status: () => this.status(),
      sessions: () => this.#links?.live.map(({ session }) => session) ?? [],
    };
    return openMetrics(listenText(metricsListen), measured, this.#log);
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

  async #stayLinked(
    identity: Enrolled,
    predecessor: Predecessor | undefined,
    signal: AbortSignal,
  ): Promise<Outcome<never>> {
    this.#serverId = identity.serverId;
    this.#become('connecting');
    const links = await this.#makeLinks(identity, predecessor?.inheritance, signal);
    const watch = new NetworkWatch({
      onChange: () => links.networkChanged((address) => watch.has(address)),
    });
    const stop = new AbortController();
    const whole = AbortSignal.any([signal, stop.signal]);
    const running = links.run(whole);
    this.#beginCheckups(whole);
    try {
      if (predecessor !== undefined) await this.#takeOver(predecessor, running);
      return await running;
    } finally {
      watch.stop();
      stop.abort();
      await running;
    }
  }

  #beginCheckups(signal: AbortSignal): void {
    const { checkUp, checkupPace } = this.#options;
    if (this.#config.reportsFindings !== true || checkUp === undefined) return;
    const checkups = new Checkups({
      checkUp,
      reachesOrigin: () => this.#origin.knock(),
      isBusy: () => (this.#links?.streamCount ?? 0) > 0,
      log: this.#log,
      ...(checkupPace && { pace: checkupPace }),
    });
    this.#checkups = checkups;
    void this.#firstLink.promise.then(() => checkups.run(signal));
  }

  async #takeOver(predecessor: Predecessor, over: Promise<unknown>): Promise<void> {
    const log = this.#log;
    log.info('another agent runs with this state folder: taking over from it');
    const linked = this.#firstLink.promise;
    const patienceMs = this.#options.takeoverMs ?? takeoverMs;
    if (!(await predecessor.takeOver({ linked, over, patienceMs, log }))) return;
    this.#slots?.release();
    await this.#listen();
    log.info('took over');
  }

  async #makeLinks(
    identity: Enrolled,
    inheritance: Inheritance | undefined,
    signal: AbortSignal,
  ): Promise<Links> {
    const { stateFolder } = this.#config;
    const epoch = inheritance?.epoch ?? (await nextEpoch(stateFolder, Date.now()));
    const slots = new Slots(
      inheritance && { reserved: inheritance.slots, granted: inheritance.maxLinks },
    );
    this.#slots = slots;
    this.#epoch = epoch;
    const keys = this.#makeKeys(identity, signal);
    const links = await makeUplink({
      config: this.#config,
      keys,
      epoch,
      slots,
      software: this.#software,
      deadlineMs: this.#deadlineMs,
      log: this.#log,
      backoff: () => this.#backoff(),
      standbyMs: this.#options.standbyMs,
      stalls: this.#counts.stalls,
      onStream: (stream, opening) =>
        serve(stream, this.#origin, this.#slabs, opening, this.#counts),
      onAddresses: (addresses) => this.#announce(addresses),
      onCheckup: () => this.#checkups?.ask(),
      onUp: (addresses) => this.#noteUp(addresses),
      onDown: () => this.#noteDown(),
      onFailure: (failure, retryInMs) => this.#linkFailed(failure, retryInMs),
    });
    this.#links = links;
    this.#estate = new Estate({
      epoch,
      slots,
      isLinked: () => links.live.length > 0,
      leave: () => this.#door?.close(),
      onHandedOver: () => this.#handedOver.abort(),
      log: this.#log,
    });
    return links;
  }

  #makeKeys(identity: Enrolled, signal: AbortSignal): Keys {
    this.#keys = new Keys({
      config: this.#config,
      identity,
      software: this.#software,
      deadlineMs: this.#deadlineMs,
      log: this.#log,
      signal,
    });
    return this.#keys;
  }

  /** Questions on the status socket. */
  async #listen(): Promise<void> {
    this.#door = await serveStatus(this.#config.stateFolder, () => this.status(), {
      [takeoverQuestion]: (socket) => {
        // One that enrols has nothing to hand over yet.
        if (this.#estate === undefined) refuseSuccessor(socket);
        else void this.#estate.answer(socket);
      },
      [rotateQuestion]: (socket) => void answerRotate(socket, this.#keys, this.#epoch),
    });
  }

  /** The first link is news, the others are not. */
  #noteUp(addresses: readonly string[]): void {
    this.#firstLink.resolve();
    void this.#keys?.finish(this.#epoch);
    this.#counts.linkUp(this.#links?.live.length === 1);
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

  #linkFailed(failure: AgentFailure, retryInMs: number | undefined): void {
    this.#counts.linkFailed(failure.code);
    this.#remember(failure, retryInMs);
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
    const cut = (await this.#links?.drain(this.#config.drainTimeoutMs)) ?? 0;
    if (cut > 0) this.#log.warn({ streams: cut }, 'streams cut while stopping');
  }
}

/** Twice what a dial through every way may take. */
const takeoverMs = 60_000;
