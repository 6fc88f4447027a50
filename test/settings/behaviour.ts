// What a setting should change arrives, as a look at real code; tests leave that see it without the setting and with it.

import { expect, test } from 'vitest';

import { readConfig, type HubConfig } from '../../hub/config.ts';
import type { Environment } from '../../shared/settings/settings.ts';

const machine = { bindsLowPorts: false, stateFolder: '/nonexistent', memoryBytes: 2 ** 33 };

export interface Behaviour {
  readonly name: string;
  readonly value: string;
  /** What has to be set beside it, in both cases. */
  readonly beside?: Environment;
  /** Without the setting, and with it. */
  readonly usual: unknown;
  readonly changed: unknown;
  readonly look: (config: HubConfig) => Promise<unknown>;
}

export function configOf(environment: Environment): HubConfig {
  return readConfig(environment, machine);
}

/** One test each. A look has to see the difference in what the code does, not in what it read. */
export function testBehaviours(behaviours: readonly Behaviour[]): void {
  test.each(behaviours)('$name=$value changes what happens', async (behaviour) => {
    const { name, value, beside = {}, usual, changed, look } = behaviour;
    expect(await look(configOf(beside))).toEqual(usual);
    expect(await look(configOf({ ...beside, [name]: value }))).toEqual(changed);
  });
}

export function missing(): never {
  throw new Error('there is nothing to look at');
}
