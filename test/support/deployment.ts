// An origin's port arrives; a real hub and a real agent leave, as processes in folders of their own, on free ports of loopback.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

const hubScript = fileURLToPath(new URL('../../hub/main.ts', import.meta.url));
const agentScript = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
/** A first start makes a database: two seconds alone, many beside other suites. */
const startDeadlineMs = 60_000;

const tenantDomain = 'phlix.localhost';

type Settings = Readonly<Record<string, string | undefined>>;
/** Puts a program elsewhere: `(command) => namespace.inside(...command)`. */
type Wrap = (command: [string, ...string[]]) => [string, ...string[]];

export interface HubPorts {
  readonly https: number;
  readonly http: number;
  readonly tunnel: number;
}

export interface HubProcessOptions {
  /** An earlier hub's folder goes on with its data. */
  readonly folder?: string;
  /** HUB_*, on top of the trial hub on loopback. */
  readonly settings?: Settings;
  readonly wrap?: Wrap;
  /** Each line that one of its processes prints. */
  readonly onLine?: (line: string) => void;
}

/** `phlix-hub`, started, killed and started again on the same data and the same ports. */
export class HubProcess {
  readonly folder: string;
  readonly #settings: Settings;
  readonly #wrap: Wrap;
  readonly #onLine: ((line: string) => void) | undefined;
  #program: Program;
  #ports: HubPorts = { https: 0, http: 0, tunnel: 0 };

  static async start(options: HubProcessOptions = {}): Promise<HubProcess> {
    const hub = new HubProcess(options);
    await hub.#becomeReady();
    return hub;
  }

  private constructor({ folder, settings, wrap, onLine }: HubProcessOptions) {
    this.folder = folder ?? temporaryFolder('hub').path;
    this.#settings = settings ?? {};
    this.#wrap = wrap ?? ((command) => command);
    this.#onLine = onLine;
    // Passable: a hub that is root runs its database as another user.
    mkdirSync(this.folder, { recursive: true, mode: 0o755 });
    this.#program = this.#launch();
  }

  get program(): Program {
    return this.#program;
  }

  get ports(): HubPorts {
    return this.#ports;
  }

  /** `https://hub.localhost:<port>`, which agents are told. */
  get url(): string {
    return `https://hub.localhost:${this.#ports.https}`;
  }

  /** PEM of the hub's own authority, for `--cacert`. */
  get caFile(): string {
    return join(this.folder, 'local-ca', 'ca.pem');
  }

  addressOf(label: string): string {
    return `https://${label}.${tenantDomain}:${this.#ports.https}`;
  }

  /** `phlix-hub <words>` on this hub's data, whether it runs or not. */
  async run(...words: string[]): Promise<CommandResult> {
    return runCommand(hubScript, words, this.#environment());
  }

  /** A token for one agent; `options` such as `--ttl 1s`. */
  async createToken(...options: string[]): Promise<string> {
    const words = ['enrol-token', 'create', '--json', ...options];
    const { exitCode, stdout, stderr } = await this.run(...words);
    if (exitCode !== 0) throw new Error(`phlix-hub ${words.join(' ')}: ${stderr}`);
    return (JSON.parse(stdout) as { token: string }).token;
  }

  /** A new process on the same data and ports; the former one must have ended. */
  async startAgain(): Promise<void> {
    this.#program = this.#launch();
    await this.#becomeReady();
  }

  /**
   * `phlix-hub start --take-over`: a second process takes the place of the running one, which drains and ends. Needs
   * HUB_DATABASE_URL. Resolves with the former when the new one serves.
   */
  async takeOver(): Promise<Program> {
    return this.changeTo(this.launchSuccessor());
  }

  /** A successor that may still fail: nothing is waited for, and the running one stays this hub's. */
  launchSuccessor(): Program {
    return this.#launch('start', '--take-over');
  }

  /** Resolves with the former program when the successor serves. */
  async changeTo(successor: Program): Promise<Program> {
    const former = this.#program;
    this.#program = successor;
    await this.#becomeReady();
    return former;
  }

  async stop(): Promise<number | NodeJS.Signals> {
    return this.#program.stop();
  }

  #launch(...words: string[]): Program {
    const command: [string, ...string[]] = [process.execPath, hubScript, ...words];
    const program = new Program({ command: this.#wrap(command), env: this.#environment() });
    if (this.#onLine !== undefined) program.onLine(this.#onLine);
    return program;
  }

  async #becomeReady(): Promise<void> {
    const [line] = await this.#program.waitForLine(/^.*"hub ready".*$/, startDeadlineMs);
    const { https, http, tunnel } = JSON.parse(line) as Record<
      keyof HubPorts,
      { port: number } | undefined
    >;
    this.#ports = {
      https: https?.port ?? 0,
      http: http?.port ?? 0,
      tunnel: tunnel?.port ?? 0,
    };
  }

  #environment(): NodeJS.ProcessEnv {
    const { https, http, tunnel } = this.#ports;
    return {
      ...foreignEnvironment(),
      HUB_TENANT_DOMAIN: tenantDomain,
      HUB_DATA_DIR: this.folder,
      HUB_HTTPS_LISTEN: `127.0.0.1:${https}`,
      HUB_HTTP_LISTEN: `127.0.0.1:${http}`,
      HUB_TUNNEL_LISTEN: `127.0.0.1:${tunnel}`,
      HUB_METRICS_LISTEN: '127.0.0.1:0',
      HUB_DRAIN_TIMEOUT: '1s',
      HUB_LOG_LEVEL: 'debug',
      ...this.#settings,
    };
  }
}

export interface AgentProcessOptions {
  readonly hub: Pick<HubProcess, 'url'>;
  readonly originPort: number;
  readonly token?: string | undefined;
  readonly folder?: string;
  /** PHLIX_*, on top of hub, origin, state folder and token. */
  readonly settings?: Settings;
  /** Another agent than this one. */
  readonly script?: string;
  readonly wrap?: Wrap;
  /** Each line that one of its processes prints. */
  readonly onLine?: (line: string) => void;
}

/** `phlix-agent`, started, killed and started again with the same state folder. */
export class AgentProcess {
  readonly folder: string;
  readonly #options: AgentProcessOptions;
  #script: string;
  #program: Program;

  /** Starts it and waits for nothing. */
  constructor(options: AgentProcessOptions) {
    this.folder = options.folder ?? join(temporaryFolder('agent').path, 'state');
    this.#options = options;
    this.#script = options.script ?? agentScript;
    this.#program = this.#launch();
  }

  get program(): Program {
    return this.#program;
  }

  /** Resolves with the addresses that the agent announces. */
  async reachable(deadlineMs = startDeadlineMs): Promise<string[]> {
    const [line] = await this.#program.waitForLine(/^.*"your server is reachable".*$/, deadlineMs);
    return (JSON.parse(line) as { addresses: string[] }).addresses;
  }

  /** `phlix-agent <words>` with the settings of this one. */
  async run(...words: string[]): Promise<CommandResult> {
    return runCommand(this.#script, words, this.#environment());
  }

  /** `phlix-agent status <words>`. */
  async status(...words: string[]): Promise<CommandResult> {
    return this.run('status', ...words);
  }

  /** Its next process is this program, as after an update. */
  changeScript(script = agentScript): void {
    this.#script = script;
  }

  /** A new process with the same key; the former one must have ended. */
  startAgain(): void {
    this.#program = this.#launch();
  }

  /** A second process on the same state folder takes over; resolves with the former when the new one is reachable. */
  async takeOver(): Promise<Program> {
    const former = this.#program;
    this.#program = this.#launch();
    await this.reachable();
    return former;
  }

  async stop(): Promise<number | NodeJS.Signals> {
    return this.#program.stop();
  }

  #launch(): Program {
    const { wrap = (command) => command, onLine } = this.#options;
    const command = wrap([process.execPath, this.#script]);
    const program = new Program({ command, env: this.#environment() });
    if (onLine !== undefined) program.onLine(onLine);
    return program;
  }

  #environment(): NodeJS.ProcessEnv {
    const { hub, originPort, token, settings } = this.#options;
    const isEnrolled = existsSync(join(this.folder, 'identity.json'));
    return {
      ...foreignEnvironment(),
      PHLIX_HUB_URL: hub.url,
      PHLIX_ORIGIN_URL: `http://127.0.0.1:${originPort}`,
      PHLIX_STATE_DIR: this.folder,
      // Tests count what their origins are asked, and what their hubs are.
      PHLIX_REPORT_FINDINGS: '0',
      ...(token !== undefined && !isEnrolled && { PHLIX_HUB_ENROLLMENT_TOKEN: token }),
      ...settings,
    };
  }
}

export interface DeploymentOptions {
  readonly originPort: number;
  readonly label?: string;
  readonly hub?: HubProcessOptions;
  readonly agent?: Pick<AgentProcessOptions, 'settings' | 'wrap' | 'onLine'>;
}

export interface Deployment {
  readonly hub: HubProcess;
  readonly agent: AgentProcess;
  /** `https://movies.phlix.localhost:<port>`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Resolves once the agent has announced its address. */
export async function deploy(options: DeploymentOptions): Promise<Deployment> {
  const hub = await HubProcess.start(options.hub);
  const token = await hub.createToken('--label', options.label ?? 'movies');
  const agent = new AgentProcess({ hub, originPort: options.originPort, token, ...options.agent });
  const [address = ''] = await agent.reachable();
  // Its second link, or whoever counts what is open would count one of two.
  const limits = { ...options.hub?.settings, ...options.agent?.settings };
  if (limits['HUB_LIMIT_LINKS_PER_AGENT'] !== '1' && limits['PHLIX_LINKS'] !== '1')
    await agent.program.waitForLine(/"slot":1.*"link up"/);
  return {
    hub,
    agent,
    address,
    async stop() {
      await agent.stop();
      await hub.stop();
    },
  };
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runCommand(
  script: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const command = [script, ...words];
    execFile(process.execPath, command, { env, timeout: 30_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : Number(error.code ?? -1);
      resolve({ exitCode, stdout, stderr });
    });
  });
}

/** Settings of a real hub or agent on this machine must not leak into a test. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(([name]) => !/^(HUB|PHLIX)_/.test(name));
  return Object.fromEntries(foreign);
}
