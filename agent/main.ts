#!/usr/bin/env node
// Arguments and environment arrive; an agent runs or answers for itself, and an exit code of sysexits.h leaves.

import { Command, CommanderError, Option } from 'commander';

import { checkupParts, type CheckupPart } from '../shared/doctor/checkup.ts';
import { CodedError } from '../shared/errors.ts';
import { version } from '../shared/version.ts';
import { Agent } from './agent.ts';
import { checkUpApart } from './checkup-process.ts';
import { leftoverTokenNames, readConfig, readStateFolder, readToken } from './config.ts';
import { AgentFailure } from './failure.ts';
import { openLog } from './log-place.ts';
import { describeStatus } from './status-text.ts';
import { rotate } from './rotate.ts';
import { readStatus } from './status.ts';
import { exitCode, exitCodeOf } from './supervise.ts';

async function start(): Promise<number> {
  // security.md E-09: whatever the agent writes is its own. The socket that answers `status` too.
  process.umask(0o077);
  const config = readConfig(process.env);
  const log = openLog(config);
  // After a bug nobody knows what state the process is in: it ends, and its supervisor starts a fresh one.
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'agent ended by a bug');
    process.exit(exitCode.software);
  });
  const agent = new Agent({
    config,
    version,
    log,
    readToken: () => readToken(process.env),
    leftoverTokens: leftoverTokenNames(process.env),
    checkUp: checkUpApart,
  });
  log.info({ version, hub: config.hub.url, origin: config.origin.url }, 'starting');
  const outcome = await agent.run(stopSignal());
  if (outcome.end === 'stopped') {
    complain(outcome.failure.message);
    return outcome.exitCode;
  }
  log.info('stopped');
  return 0;
}

/** The first signal drains, the second one ends the process as if it had never been caught. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143);
      stop.abort();
    });
  }
  return stop.signal;
}

async function status(options: { json?: boolean }): Promise<number> {
  const folder = readStateFolder(process.env);
  const found = await readStatus(folder);
  const text =
    options.json === true
      ? JSON.stringify({ running: found !== undefined, ...found })
      : describeStatus(found, folder);
  process.stdout.write(`${text}\n`);
  return found?.state === 'connected' ? 0 : exitCode.unavailable;
}

interface DoctorOptions {
  readonly json?: boolean;
  readonly tell?: CheckupPart;
}

async function doctor(options: DoctorOptions): Promise<number> {
  if (options.tell !== undefined) {
    const { tellFrom } = await import('./doctor/tell.ts');
    process.stdout.write(`${JSON.stringify(await tellFrom(process.env, options.tell))}\n`);
    return 0;
  }
  // What it asks with is a megabyte of memory that a running agent never needs.
  const { diagnose } = await import('./doctor/diagnosis.ts');
  const { healthy, text } = await diagnose(process.env, { json: options.json === true });
  process.stdout.write(`${text}\n`);
  return healthy ? 0 : exitCode.unavailable;
}

async function changeKey(options: { json?: boolean }): Promise<number> {
  const rotated = await rotate(() => readConfig(process.env), readStateFolder(process.env));
  const text =
    options.json === true
      ? JSON.stringify(rotated)
      : `This agent has a new key, ${rotated.agentId}.\nThe former one, ${rotated.formerAgentId}, is refused from now on, also in copies and old backups of the state folder.`;
  process.stdout.write(`${text}\n`);
  return 0;
}

async function main(): Promise<number> {
  let code = 0;
  const program = new Command('phlix-agent')
    .description(
      'Connects the media server on this machine to a Phlix Hub. Settings come from the environment (PHLIX_HUB_URL and others, see README).',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('Try: phlix-agent --help')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'phlix-agent: ')),
    });
  program
    .command('start')
    .description('connect and stay connected (what happens without a command)')
    .action(async () => {
      code = await start();
    });
  program
    .command('status')
    .description('say what the running agent does; exit code 0 when it is connected, 69 when not')
    .option('--json', 'as one JSON object')
    .action(async (options: { json?: boolean }) => {
      code = await status(options);
    });
  program
    .command('doctor')
    .description(
      'look at hub, tunnel, line, clock, key and media server, and say what to mend; exit code 0 when nothing is wrong, 69 when something is',
    )
    .option('--json', 'as one JSON object')
    // What a running agent has another process do (agent/checkup-process.ts).
    .addOption(
      new Option('--tell <part>', 'tell the hub what was found').choices(checkupParts).hideHelp(),
    )
    .action(async (options: DoctorOptions) => {
      code = await doctor(options);
    });
  program
    .command('rotate')
    .description(
      'give this agent a new key, while it runs or not; the former one is refused from then on',
    )
    .option('--json', 'as one JSON object')
    .action(async (options: { json?: boolean }) => {
      code = await changeKey(options);
    });
  try {
    // A service unit or a container starts the agent by its bare name.
    const words = process.argv.slice(2);
    await program.parseAsync(words.length === 0 ? ['start'] : words, { from: 'user' });
    return code;
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): number {
  // Commander has printed help, version or its complaint by itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCode.usage;
  if (!(error instanceof CodedError)) {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return exitCode.software;
  }
  complain(error.message);
  if (error instanceof AgentFailure) return exitCodeOf(error.code);
  return error.code === 'status.already-running' ? exitCode.temporary : exitCode.config;
}

/** For the person who reads the terminal or the journal; the log on stdout is for programs. */
function complain(sentence: string): void {
  process.stderr.write(`phlix-agent: ${sentence}\n`);
}

// A connection that will not close keeps a process alive that has nothing more to do.
process.exit(await main());
