// What every command of phlix-hub is given: the environment, two streams to write to, and the way to the hub's stores.

import type { Writable } from 'node:stream';

import { createLogger } from '../../shared/log.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import { readConfig, type HubConfig } from '../config.ts';
import { thisMachine } from '../process/machine.ts';
import { becomeUser } from '../process/privileges.ts';
import type { Stores } from '../composition/stores.ts';

export interface CommandContext {
  readonly environment: Environment;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** @throws SettingsError */
export function settingsOf(context: CommandContext): HubConfig {
  return readConfig(context.environment, thisMachine(context.environment));
}

/**
 * For commands: where a hub that is started as root becomes another user, so do they, or the hub could not use what they write.
 * @throws SettingsError
 */
export function configOf(context: CommandContext): HubConfig {
  const config = settingsOf(context);
  becomeUser(config);
  return config;
}

/** Joins the running hub's database, or starts it for as long as `work` takes. */
export async function withStores<Result>(
  context: CommandContext,
  config: HubConfig,
  work: (stores: Stores) => Promise<Result>,
): Promise<Result> {
  // Standard output belongs to the answer. What is not an error ends in the answer as well, or does not matter to it.
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  const { openStores } = await import('../composition/stores.ts');
  const stores = await openStores(config, { purpose: 'command', log });
  try {
    return await work(stores);
  } finally {
    await stores.close();
  }
}

/** A command that asks the wrong folder finds a hub without servers there: people must see which one it was. */
export function noteIdleFolder(context: CommandContext, config: HubConfig, stores: Stores): void {
  if (!stores.isAlone) return;
  context.stderr.write(
    `phlix-hub: no hub runs with ${config.dataDir}; if you mean another one, set HUB_DATA_DIR to its folder.\n`,
  );
}

export function printJson(context: CommandContext, value: object): void {
  context.stdout.write(`${JSON.stringify(value)}\n`);
}
