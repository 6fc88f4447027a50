// Settings arrive; origin, hub and agent leave, visited by a probe and by crowds, and able to tell when all of it is quiet again.

import { type Deployment, deploy } from '../support/deployment.ts';
import { startOrigin } from '../support/origin/origin.ts';
import { type Descriptors, descriptorsOf, untilQuiet } from './descriptors.ts';
import { Crowd } from './visitors/crowd.ts';
import { Probe } from './visitors/probe.ts';
import { type Door, doorOf, type Visit } from './visitors/visit.ts';

/** A dead line is noticed within the sum. Shorter ones would take a busy test machine for a dead line. */
export const pingIntervalMs = 500;
export const pingDeadlineMs = 1500;

export const shortPings = {
  HUB_PING_INTERVAL: `${pingIntervalMs}ms`,
  HUB_PING_DEADLINE: `${pingDeadlineMs}ms`,
};

/** What these suites show is that nobody takes a cut answer for a whole one; those that go on are test/e2e/resume.test.ts's. */
export const noResume = { HUB_RESUME_TIMEOUT: '0' };

export class Scene {
  readonly #origin: { stop(): Promise<void> };
  readonly deployment: Deployment;
  readonly door: Door;
  readonly #hubBefore: Descriptors;
  readonly #agentBefore: Descriptors;
  readonly #probes: Probe[] = [];
  readonly #visits: Visit[] = [];

  static async open(settings: Readonly<Record<string, string>> = {}): Promise<Scene> {
    const origin = await startOrigin();
    try {
      const hub = { settings: { ...noResume, ...settings } };
      return new Scene(origin, await deploy({ originPort: origin.port, hub }));
    } catch (error) {
      await origin.stop();
      throw error;
    }
  }

  /** Before anybody has visited: what is open now is what may stay open. */
  constructor(
    origin: { stop(): Promise<void> },
    deployment: Deployment,
    door = doorOf(deployment),
  ) {
    this.#origin = origin;
    this.deployment = deployment;
    this.door = door;
    this.#hubBefore = descriptorsOf(deployment.hub.program.pid);
    this.#agentBefore = descriptorsOf(deployment.agent.program.pid);
  }

  probe(): Probe {
    const probe = new Probe(this.door);
    this.#probes.push(probe);
    return probe;
  }

  async gather(): Promise<Crowd> {
    const crowd = await Crowd.gather(this.door);
    this.#visits.push(...crowd.visits);
    return crowd;
  }

  /** These end with the test at the latest. */
  send(...visits: Visit[]): Visit[] {
    this.#visits.push(...visits);
    return visits;
  }

  /** Everybody goes home. */
  async clear(): Promise<void> {
    for (const visit of this.#visits.splice(0)) visit.leave();
    await Promise.all(this.#probes.splice(0).map(async (probe) => probe.stop()));
  }

  /** Resolves when nobody visits and neither hub nor agent holds more open than at first. @throws at the deadline */
  async isQuietAgain(): Promise<void> {
    await this.clear();
    const { hub, agent } = this.deployment;
    await untilQuiet(hub.program.pid, this.#hubBefore);
    await untilQuiet(agent.program.pid, this.#agentBefore);
  }

  async close(): Promise<void> {
    await this.clear();
    await this.deployment.stop();
    await this.#origin.stop();
  }
}
