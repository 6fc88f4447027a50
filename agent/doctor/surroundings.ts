// Settings arrive; what the looks of the doctor share leaves, each found out once: papers, trust, the ways to the hub, the line, the media server.

import { statfs } from 'node:fs/promises';

import { snapshot } from '../../shared/doctor/advisories.ts';
import type { DiskLook } from '../../shared/doctor/disk.ts';
import { runningVersions, type Versions } from '../../shared/doctor/software.ts';
import { EnrolmentTokenError, parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import type { Secret } from '../../shared/settings/secret.ts';
import type { AgentConfig } from '../config.ts';
import { tunnelUrlList, tunnelUrlsAt } from '../hub-api.ts';
import { findPinnedCa, trustOf, type Trust } from '../trust.ts';
import { Ways } from '../ways.ts';
import { measureLine, type Measured } from './line.ts';
import { examineOrigin, type OriginFindings } from './origin.ts';
import { readPapers, type Papers } from './papers.ts';
import { deadlineMs, neverAborted, visit, type Visited } from './way.ts';

export interface AgentMachine {
  /** `/proc`. */
  readonly kernel: string;
  /** `/sys/class/net`. */
  readonly networks: string;
  readonly disk: DiskLook;
  readonly software: Versions;
}

const thisMachine = (): AgentMachine => ({
  kernel: '/proc',
  networks: '/sys/class/net',
  disk: statfs,
  software: runningVersions(snapshot),
});

export interface HubWays {
  /** The hub's own address. */
  readonly site: Visited;
  /** The tunnel's doors beside it. */
  readonly tunnel: readonly Visited[];
}

export interface SurroundingsOptions {
  readonly machine?: Partial<AgentMachine>;
  readonly now?: Date;
  /** How long the line is measured, each way. */
  readonly measureMs?: number;
  /** False: not at all. Whoever looks often spares the line. */
  readonly measuresLine?: boolean;
}

export class Surroundings {
  readonly config: AgentConfig;
  readonly now: Date;
  readonly machine: AgentMachine;
  readonly #readToken: () => Secret | undefined;
  readonly #measureMs: number | undefined;
  readonly #measuresLine: boolean;

  constructor(
    config: AgentConfig,
    readToken: () => Secret | undefined,
    options: SurroundingsOptions = {},
  ) {
    this.config = config;
    this.now = options.now ?? new Date();
    this.machine = { ...thisMachine(), ...options.machine };
    this.#readToken = readToken;
    this.#measureMs = options.measureMs;
    this.#measuresLine = options.measuresLine ?? true;
  }

  readonly papers = once((): Promise<Papers> => readPapers(this.config));

  /** @throws CredentialError | AgentFailure */
  readonly trust = once(async (): Promise<Trust> => {
    const { identity } = await this.papers();
    return trustOf(this.config, identity === undefined ? await this.#caOfToken() : identity.caPem);
  });

  /** @throws as trust */
  readonly ways = once(async (): Promise<HubWays> => {
    const { hub } = this.config;
    const trust = await this.trust();
    const site = await visit(hub, trust);
    const { identity } = await this.papers();
    const urls = tunnelUrlsOf(site, hub) ?? identity?.tunnelUrls ?? [];
    const [, ...own] = new Ways(hub, urls).order(0).toReversed();
    const doors = own.map(async (url) => {
      const { host, port } = new URL(url);
      return visit({ ...hub, port: Number(port || 443), url: `https://${host}` }, trust);
    });
    return { site, tunnel: await Promise.all(doors) };
  });

  /** Through the first door that leads to the hub. Undefined: none does, nobody is enrolled, or nobody wants it. @throws AgentFailure */
  readonly measured = once(async (): Promise<Measured | undefined> => {
    if (!this.#measuresLine) return undefined;
    const { identity } = await this.papers();
    if (identity === undefined) return undefined;
    const { site, tunnel } = await this.ways();
    const way = [...tunnel, site].find(
      (one) => one.failure === undefined && one.isUnbound !== true,
    );
    const enoughMs = this.#measureMs;
    return way && measureLine(way.door, { trust: await this.trust(), identity, enoughMs });
  });

  readonly origin = once((): Promise<OriginFindings> => examineOrigin(this.config.origin));

  /** Before the first enrolment the token says which authority to trust. */
  async #caOfToken(): Promise<string | undefined> {
    if (this.config.hubCaFile !== undefined) return undefined;
    try {
      const pin = parseEnrolmentToken(this.#readToken()?.reveal().trim() ?? '').caFingerprint;
      if (pin === undefined) return undefined;
      return await findPinnedCa(this.config.hub, pin, { deadlineMs, signal: neverAborted });
    } catch (error) {
      if (error instanceof EnrolmentTokenError) return undefined;
      throw error;
    }
  }
}

function tunnelUrlsOf({ tunnel }: Visited, hub: AgentConfig['hub']): readonly string[] | undefined {
  const { tunnel_urls: told } = (tunnel?.body ?? {}) as { tunnel_urls?: unknown };
  const urls = tunnelUrlList.safeParse(told);
  if (!urls.success) return undefined;
  try {
    return tunnelUrlsAt(hub, urls.data);
  } catch {
    return undefined;
  }
}

function once<Result>(find: () => Promise<Result>): () => Promise<Result> {
  let found: Promise<Result> | undefined;
  return () => (found ??= find());
}
