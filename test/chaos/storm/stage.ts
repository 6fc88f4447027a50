// The wish for short pings arrives; a home behind a line with its agent and origin, a hub outside and a database leave.

import { freePort } from '../../../infra/quickstart/ports.ts';
import { type Deployment, deploy } from '../../support/deployment.ts';
import { homeWithNames } from '../../support/home-with-names.ts';
import { Namespace } from '../../support/namespace.ts';
import { startPostgres, type ThrowawayPostgres } from '../../support/postgres.ts';
import { OriginProcess } from '../origin-process.ts';
import { shortPings } from '../scene.ts';
import { type Door, doorOf } from '../visitors/visit.ts';

const hubHost = 'hub.phlix.example';
/** More than any download of the storm takes. */
const drainTimeout = '60s';

export interface StageOptions {
  /** A dead line is noticed within two seconds, not twenty-five. */
  readonly hasShortPings: boolean;
  /** Each line that a hub or an agent prints. */
  readonly onLine: (line: string) => void;
}

export class Stage {
  /** How often the hub went on with a response that had lost its link or its origin's connection. */
  resumed = 0;
  /** Of the hub's own reasons. */
  readonly notResumed: string[] = [];
  readonly hasShortPings: boolean;
  readonly home: Namespace;
  readonly origin: OriginProcess;
  readonly deployment: Deployment;
  readonly door: Door;
  readonly #postgres: ThrowawayPostgres;

  static async open({ hasShortPings, onLine }: StageOptions): Promise<Stage> {
    const home = new Namespace();
    const inside = homeWithNames(home, { [hubHost]: home.hostAddress });
    const [postgres, origin] = await Promise.all([startPostgres(), OriginProcess.start(inside)]);
    const listeners = [onLine];
    const place = await placeOf(home);
    const deployment = await deploy({
      originPort: origin.port,
      hub: {
        settings: {
          ...place,
          ...(hasShortPings && shortPings),
          HUB_DATABASE_URL: await postgres.createDatabase(),
          HUB_DRAIN_TIMEOUT: drainTimeout,
          HUB_LOG_LEVEL: 'info',
        },
        onLine: (line) => listeners.forEach((listener) => listener(line)),
      },
      agent: {
        settings: { PHLIX_HUB_URL: place.HUB_PUBLIC_URL, PHLIX_DRAIN_TIMEOUT: drainTimeout },
        wrap: inside,
        onLine,
      },
    });
    const stage = new Stage(hasShortPings, home, origin, deployment, postgres);
    listeners.push((line) => stage.#read(line));
    return stage;
  }

  private constructor(
    hasShortPings: boolean,
    home: Namespace,
    origin: OriginProcess,
    deployment: Deployment,
    postgres: ThrowawayPostgres,
  ) {
    this.hasShortPings = hasShortPings;
    this.home = home;
    this.origin = origin;
    this.deployment = deployment;
    this.door = { ...doorOf(deployment), host: home.hostAddress };
    this.#postgres = postgres;
  }

  async close(): Promise<void> {
    this.home.restore();
    await this.deployment.stop();
    await this.origin.stop();
    await this.#postgres.stop();
    this.home.remove();
  }

  #read(line: string): void {
    if (line.includes('"msg":"response resumed"')) this.resumed += 1;
    if (line.includes('"msg":"response not resumed"')) this.notResumed.push(line);
  }
}

/** Where the hub listens, and the name by which the agent finds it. */
async function placeOf(home: Namespace) {
  const [https, tunnel] = [await freePort(), await freePort()];
  return {
    HUB_PUBLIC_URL: `https://${hubHost}:${https}`,
    HUB_HTTPS_LISTEN: `${home.hostAddress}:${https}`,
    HUB_TUNNEL_LISTEN: `${home.hostAddress}:${tunnel}`,
    HUB_HTTP_LISTEN: 'off',
  };
}
