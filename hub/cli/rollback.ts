// The wish to go back arrives; the snapshots leave, or what would be lost, or a database as it was before the last migration.

import { Command } from 'commander';

import { createLogger } from '../../shared/log.ts';
import { listSnapshots } from '../backup/snapshots.ts';
import type { HubConfig } from '../config.ts';
import type { Plan } from '../upkeep/rolling-back.ts';
import { momentText } from './backup-words.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { noteAlone } from './host-audit.ts';
import { table } from './table.ts';

interface RollbackOptions {
  readonly list?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function rollbackCommand(context: CommandContext): Command {
  return new Command('rollback')
    .description('go back to the snapshot from before the last migration, or to another one')
    .argument('[snapshot]', 'as --list names it')
    .option('--list', 'show the snapshots, and change nothing')
    .option('--dry-run', 'say what would be lost, and change nothing')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string | undefined, options: RollbackOptions) =>
      options.list === true ? list(context, options) : rollBack(context, wanted, options),
    )
    .addHelpText('after', examples);
}

const examples = `
The hub has to be stopped. Afterwards start the version that ran then: this one would change the tables again.
What is there now is kept as a snapshot too, so that this can be taken back.

Examples:
  phlix-hub rollback --list
  phlix-hub rollback --dry-run
  phlix-hub rollback`;

async function list(context: CommandContext, { json }: RollbackOptions): Promise<void> {
  const { dataDir } = configOf(context);
  const snapshots = await listSnapshots(dataDir);
  if (json === true)
    return printJson(context, {
      snapshots: snapshots.map(({ id, at, reason, path }) => ({
        id,
        at: at.toISOString(),
        before: reason,
        file: path,
      })),
    });
  if (snapshots.length === 0)
    context.stdout.write(`There are no snapshots in ${dataDir}: nothing was migrated yet.\n`);
  else
    context.stdout.write(
      table(
        ['SNAPSHOT', 'TAKEN', 'BEFORE'],
        snapshots.map(({ id, at, reason }) => [id, momentText(at), `a ${reason}`]),
      ),
    );
  return undefined;
}

async function rollBack(
  context: CommandContext,
  wanted: string | undefined,
  options: RollbackOptions,
): Promise<void> {
  process.umask(0o077);
  const config = configOf(context);
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  const rooms = await import('../upkeep/rolling-back.ts');
  const plan = await rooms.planRollback(config, wanted, log);
  if (options.dryRun === true) return tell(context, { plan, isDone: false }, options);
  const { snapshot } = await rooms.rollBack(config, plan, log);
  await note(context, config, plan);
  return tell(context, { plan, isDone: true, kept: snapshot }, options);
}

/** The tables are those of the former version: this one must not open them. */
async function note(context: CommandContext, config: HubConfig, plan: Plan): Promise<void> {
  await noteAlone(context, config, {
    event: 'admin.rolled-back',
    target: plan.snapshot.id,
    reason: plan.manifest.version,
  });
}

interface Outcome {
  readonly plan: Plan;
  readonly isDone: boolean;
  readonly kept?: string | undefined;
}

function tell(
  context: CommandContext,
  { plan, isDone, kept }: Outcome,
  { json }: RollbackOptions,
): void {
  const { snapshot, manifest, lost } = plan;
  const { version } = manifest;
  if (json === true)
    return printJson(context, {
      snapshot: snapshot.id,
      at: manifest.made_at.toISOString(),
      version,
      lost,
      done: isDone,
      kept: kept ?? null,
    });
  const since = momentText(manifest.made_at);
  const losses = lost.map(({ event, count }) => `  ${event}: ${count}\n`).join('');
  const lossText =
    lost.length === 0
      ? `Nothing was written down since ${since}.\n`
      : `${isDone ? 'Lost is' : 'Lost would be'} what was written down since ${since}:\n${losses}`;
  const end = isDone
    ? `The database is as phlix-hub ${version} left it. Start that version; this one would migrate it again.\n${kept === undefined ? '' : `What was there is kept: ${kept}\n`}`
    : `Nothing was changed. phlix-hub rollback ${snapshot.id} goes back to it.\n`;
  context.stdout.write(`Snapshot ${snapshot.id}, by phlix-hub ${version}.\n${lossText}${end}`);
  return undefined;
}
