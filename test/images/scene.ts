// Both images' files arrive; a hub and an agent run as containers of them, people watch, both are replaced and stopped; figures and complaints leave.

import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { freePort } from '../../infra/quickstart/ports.ts';
import { Curl } from '../support/curl.ts';
import { Container, type Ran } from './container.ts';
import { Film, sha256 } from './film.ts';
import type { ImageConfig } from './store.ts';

export interface Image {
  readonly root: string;
  readonly config: ImageConfig;
}

export interface SceneFigures {
  /** With an empty volume: the database is made, and the authority. */
  readonly hubFirstStartMs: number;
  readonly hubStartMs: number;
  readonly agentStartMs: number;
  readonly hubStopMs: number;
  readonly agentStopMs: number;
  readonly hubMemoryBytes: number;
  readonly agentMemoryBytes: number;
}

const home = { hub: '/var/lib/phlix-hub', agent: '/var/lib/phlix-agent' };
const user = 8802;

/** @throws when something does not start at all; everything else is a complaint. */
export async function playScene(
  images: { readonly hub: Image; readonly agent: Image },
  folder: string,
  complain: (problem: string) => void,
): Promise<SceneFigures> {
  const film = await Film.make(join(folder, 'film'));
  const scene = new Scene(images, folder, { film, complain });
  try {
    return await scene.play();
  } finally {
    await scene.stop();
    await film.stop();
  }
}

class Scene {
  readonly #images: { readonly hub: Image; readonly agent: Image };
  readonly #folders: { readonly hub: string; readonly agent: string };
  readonly #film: Film;
  readonly #complain: (problem: string) => void;
  readonly #running = new Set<Container>();
  #hubEnvironment: Record<string, string> = {};

  constructor(
    images: { readonly hub: Image; readonly agent: Image },
    folder: string,
    { film, complain }: { film: Film; complain: (problem: string) => void },
  ) {
    this.#images = images;
    this.#film = film;
    this.#complain = complain;
    this.#folders = { hub: volume(folder, 'hub'), agent: volume(folder, 'agent') };
  }

  async play(): Promise<SceneFigures> {
    this.#hubEnvironment = await hubEnvironment();
    const first = this.#start('hub', this.#hubEnvironment);
    const { ms: hubFirstStartMs } = await first.line(/"hub ready"/);
    await this.#expectHardened(first);
    await this.#expectHealthy('hub', first);

    const agent = this.#start('agent', await this.#agentEnvironment(first));
    const { ms: agentStartMs, text } = await agent.line(/^.*"your server is reachable".*$/);
    await this.#expectHardened(agent);
    await this.#expectHealthy('agent', agent);
    const [address = ''] = (JSON.parse(text) as { addresses: string[] }).addresses;
    await this.#watch(address);
    const [hubMemoryBytes, agentMemoryBytes] = [first.residentBytes, agent.residentBytes];

    const hubStopMs = await this.#stopWhileSomebodyWatches(first, address);
    const second = this.#start('hub', this.#hubEnvironment);
    const { ms: hubStartMs } = await second.line(/"hub ready"/);
    await this.#watch(address);

    const { exitCode, ms: agentStopMs } = await agent.stop();
    this.#expect(exitCode === 0, `the agent ended with ${exitCode} after its stop signal`);
    const ended = await second.stop();
    this.#expect(
      ended.exitCode === 0,
      `the hub ended with ${ended.exitCode} after its stop signal`,
    );
    this.#expectClosed();
    return {
      hubFirstStartMs,
      hubStartMs,
      agentStartMs,
      hubStopMs,
      agentStopMs,
      hubMemoryBytes,
      agentMemoryBytes,
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((container) => container.kill()));
  }

  #start(name: 'hub' | 'agent', env: Record<string, string>): Container {
    const volumes = { [home[name]]: this.#folders[name] };
    const container = new Container({ ...this.#images[name], volumes, env });
    this.#running.add(container);
    void container.program.ended.then(() => this.#running.delete(container));
    return container;
  }

  async #agentEnvironment(hub: Container): Promise<Record<string, string>> {
    const made = await hub.exec(
      'phlix-hub',
      'enrol-token',
      'create',
      '--json',
      '--label',
      'movies',
    );
    const { token } = JSON.parse(made.stdout) as { token: string };
    return {
      PHLIX_HUB_URL: this.#hubEnvironment['HUB_PUBLIC_URL'] ?? '',
      PHLIX_HUB_ENROLLMENT_TOKEN: token,
      PHLIX_ORIGIN_URL: `http://127.0.0.1:${this.#film.port}`,
    };
  }

  async #expectHardened(container: Container): Promise<void> {
    const { stdout: id } = await container.exec('id', '-u');
    this.#expect(id.trim() === String(user), `its process runs as uid ${id.trim()}`);
    const written = await container.exec(
      'sh',
      '-c',
      'echo x > /opt/x || echo x > /usr/x || echo x > /etc/x',
    );
    this.#expect(written.exitCode !== 0, 'the root can be written to');
    const { stdout: status } = await container.exec('cat', '/proc/1/status');
    this.#expect(/^CapEff:\s+0+$/m.test(status), 'process 1 has capabilities');
    this.#expect(/^NoNewPrivs:\s+1$/m.test(status), 'process 1 may gain privileges');
  }

  async #expectHealthy(name: string, container: Container): Promise<void> {
    const answer: Ran = await container.healthcheck();
    const said = `${answer.stdout}${answer.stderr}`.trim();
    this.#expect(
      answer.exitCode === 0,
      `${name}: its healthcheck says ${answer.exitCode}: ${said}`,
    );
  }

  /** Whole, by parts, and as a player decodes it. */
  async #watch(address: string): Promise<void> {
    const curl = new Curl(this.#caFile);
    const { bytes } = this.#film;
    // A hub that has just been replaced may answer that the server is not back yet; that page is no part of the film.
    const patience = ['--fail', '--retry', '10', '--retry-delay', '1', '--retry-all-errors'];
    const whole = await curl.get(`${address}/film.mp4`, ...patience);
    this.#expect(
      whole.sha256 === sha256(bytes),
      `the film arrived with ${whole.body.length} bytes (status ${whole.status})`,
    );
    const [first, last] = [100_000, 299_999];
    const part = await curl.get(`${address}/film.mp4`, '--range', `${first}-${last}`);
    const isPart = part.status === 206 && part.body.equals(bytes.subarray(first, last + 1));
    this.#expect(isPart, `a range of the film came with status ${part.status}`);
    const [here, there] = await Promise.all([
      this.#film.framesHere(),
      this.#film.framesAt(address, this.#openCaFile()),
    ]);
    this.#expect(here.length > 100 && here.join() === there.join(), 'ffmpeg decodes other frames');
  }

  /** What began before the stop signal has to end well. */
  async #stopWhileSomebodyWatches(hub: Container, address: string): Promise<number> {
    const curl = new Curl(this.#caFile);
    // Three seconds of it.
    const rate = String(Math.round(this.#film.bytes.length / 3));
    const watching = curl.get(`${address}/film.mp4`, '--limit-rate', rate, '--http1.1');
    await hub.line(/"hub ready"/);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { exitCode, ms } = await hub.stop();
    this.#expect(exitCode === 0, `the hub ended with ${exitCode} after its stop signal`);
    const { sha256: got, body } = await watching;
    this.#expect(
      got === sha256(this.#film.bytes),
      `a film that ran when the hub was stopped broke off at byte ${body.length}`,
    );
    return ms;
  }

  /** Security row E-09. */
  #expectClosed(): void {
    for (const folder of Object.values(this.#folders)) {
      const { mode, uid } = statSync(folder);
      this.#expect((mode & 0o077) === 0 && uid === user, `${folder} is open to others`);
    }
  }

  /** For ffmpeg, which is root of a namespace where the hub's user does not exist. */
  #openCaFile(): string {
    const path = join(dirname(this.#film.file), 'ca.pem');
    writeFileSync(path, readFileSync(this.#caFile), { mode: 0o644 });
    return path;
  }

  get #caFile(): string {
    return join(this.#folders.hub, 'local-ca', 'ca.pem');
  }

  #expect(isTrue: boolean, problem: string): void {
    if (!isTrue) this.#complain(problem);
  }
}

/** As a named volume begins: what the image has in its place, an empty folder of its user. */
function volume(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chownSync(path, user, user);
  return path;
}

async function hubEnvironment(): Promise<Record<string, string>> {
  const [https, tunnel, metrics] = [await freePort(), await freePort(), await freePort()];
  return {
    HUB_PUBLIC_URL: `https://hub.localhost:${https}`,
    HUB_TENANT_DOMAIN: 'phlix.localhost',
    HUB_HTTPS_LISTEN: `127.0.0.1:${https}`,
    HUB_HTTP_LISTEN: 'off',
    HUB_TUNNEL_LISTEN: `127.0.0.1:${tunnel}`,
    HUB_METRICS_LISTEN: `127.0.0.1:${metrics}`,
    HUB_DRAIN_TIMEOUT: '20s',
  };
}
