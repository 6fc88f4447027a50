// An origin's port arrives; a hub in this process and a real agent leave, so that a test can ask the hub what it knows of the traffic.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { readConfig } from '../../hub/config.ts';
import { startHub, type Hub } from '../../hub/hub.ts';
import type { LiveStream } from '../../hub/usage/live-stream.ts';
import type { LimitSubject } from '../../hub/usage/limits.ts';
import { createLogger } from '../../shared/log.ts';
import { AgentProcess } from './deployment.ts';
import { Line } from './line/line.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

const machine = { bindsLowPorts: false, stateFolder: '/nowhere', memoryBytes: 2 ** 33 };
const label = 'movies';

export interface HomeOptions {
  readonly originPort: number;
  /** PHLIX_*, and what else the agent's process shall find in its environment. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class WatchedHome {
  readonly #folder: TemporaryFolder;
  hub: Hub;
  readonly agent: AgentProcess;
  readonly address: string;
  readonly serverId: string;
  #line: Line | undefined;

  static async open(options: HomeOptions): Promise<WatchedHome> {
    const folder = temporaryFolder('watched-home');
    const hub = await start(folder);
    const { text } = await hub.stores.enrolment.createToken({ label });
    const agent = new AgentProcess({
      hub: { url: hub.addresses.publicUrl },
      originPort: options.originPort,
      token: text,
      settings: { PHLIX_HUB_CA_FILE: caFileIn(folder), ...options.settings },
    });
    const [address = ''] = await agent.reachable();
    await agent.program.waitForLine(/"slot":1.*"link up"/);
    const server = await hub.stores.servers.findByLabel(label);
    return new WatchedHome({ folder, hub, agent, address, serverId: server?.id ?? '' });
  }

  private constructor(parts: {
    folder: TemporaryFolder;
    hub: Hub;
    agent: AgentProcess;
    address: string;
    serverId: string;
  }) {
    this.#folder = parts.folder;
    this.hub = parts.hub;
    this.agent = parts.agent;
    this.address = parts.address;
    this.serverId = parts.serverId;
  }

  get caFile(): string {
    return caFileIn(this.#folder);
  }

  get subject(): LimitSubject {
    return { scope: 'server', id: this.serverId };
  }

  /** Ends this hub and starts another with its data. The agent is not waited for. */
  async restartHub(): Promise<void> {
    const { https, tunnel } = this.hub.addresses;
    await this.hub.stop();
    this.hub = await start(this.#folder, { https: https.port, tunnel: tunnel.port });
  }

  /** From now on the agent's links lead through a line of this rate. */
  async moveBehindLine(bytesPerSecond: number): Promise<void> {
    const target = { host: '127.0.0.1', port: this.hub.addresses.tunnel.port };
    this.#line = await Line.open({ target, bytesPerSecond, delayMs: 10 });
    await this.agent.stop();
    const file = join(this.agent.folder, 'identity.json');
    const identity = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const urls = [`wss://hub.localhost:${this.#line.port}/tunnel`];
    writeFileSync(file, JSON.stringify({ ...identity, tunnel_urls: urls }));
    this.agent.startAgain();
    await this.agent.reachable();
    await this.agent.program.waitForLine(/"slot":1.*"link up"/);
  }

  /** The next state of the server that is as it shall be, as somebody sees it who watches. */
  async seen(
    isWanted: (streams: readonly LiveStream[]) => boolean,
    deadlineMs = 20_000,
  ): Promise<readonly LiveStream[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly LiveStream[]>();
    let last: readonly LiveStream[] = [];
    const timer = setTimeout(
      () => reject(new Error(`last seen: ${JSON.stringify(last)}`)),
      deadlineMs,
    );
    const stop = this.hub.traffic.watch(this.serverId, ({ streams }) => {
      last = streams;
      if (isWanted(streams)) resolve(streams);
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  async close(): Promise<void> {
    await this.agent.stop();
    await this.hub.stop();
    await this.#line?.close();
    this.#folder.remove();
  }
}

function caFileIn(folder: TemporaryFolder): string {
  return join(folder.path, 'local-ca', 'ca.pem');
}

async function start(
  folder: TemporaryFolder,
  ports: { https: number; tunnel: number } = { https: 0, tunnel: 0 },
): Promise<Hub> {
  const config = readConfig(
    {
      HUB_DATA_DIR: folder.path,
      HUB_HTTPS_LISTEN: `127.0.0.1:${ports.https}`,
      HUB_HTTP_LISTEN: 'off',
      HUB_TUNNEL_LISTEN: `127.0.0.1:${ports.tunnel}`,
      HUB_METRICS_LISTEN: 'off',
      HUB_DRAIN_TIMEOUT: '1s',
    },
    machine,
  );
  return startHub(config, { log: createLogger({ level: 'silent', name: 'test' }) });
}
