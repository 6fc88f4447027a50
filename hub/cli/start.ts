// Settings arrive; a hub runs until a signal asks it to stop, and the exit code leaves.

import { CodedError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { onReopenSignal } from '../../shared/reopen-signals.ts';
import { SettingsError } from '../../shared/settings/settings.ts';
import { version } from '../../shared/version.ts';
import { startHub, type Hub } from '../hub.ts';
import { openLogs } from '../composition/logs.ts';
import { sharingOf } from '../doors/doors.ts';
import { closeDataFolder } from '../process/data-folder.ts';
import { bindAndBecomeUser } from '../process/privileges.ts';
import { settingsOf, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';

/** @throws CodedError whatever keeps the hub from starting */
export async function start(context: CommandContext, takesOver = false): Promise<number> {
  const onReopen = beforeReopen();
  outliveReaders(context);
  // security.md E-09: whatever the hub writes is its own.
  process.umask(0o077);
  const config = settingsOf(context);
  if (takesOver && config.databaseUrl === undefined) {
    throw new SettingsError([
      {
        name: 'HUB_DATABASE_URL',
        expected: 'a PostgreSQL server of its own, for start --take-over',
        remedy:
          'the database inside a hub ends with it: set HUB_DATABASE_URL, or stop the hub and start it again',
      },
    ]);
  }
  // Before anything is opened: whatever the hub writes from here on is that user's.
  const user = await bindAndBecomeUser(config, takesOver ? 'joining' : sharingOf(config));
  const logs = openLogs(config, context);
  const { log, access } = logs;
  exitOnBug(log);
  log.info({ version, node: process.version, dataDir: config.dataDir }, 'hub starting');
  for (const setting of config.unusedSettings) {
    log.warn({ setting }, 'setting has no effect in this version');
  }
  if (config.unknownSettings.length > 0) {
    const remedy = 'take it away, or look up its name in README.md';
    log.warn({ settings: config.unknownSettings, remedy }, 'is no setting of this hub');
  }
  if (user !== undefined) log.info({ user }, 'root was given up');
  if (process.getuid?.() === 0) {
    const remedy = 'set HUB_USER to a user that it becomes once it has its ports';
    log.warn({ remedy }, 'hub runs as root; a user of its own is safer');
  }
  const mended = closeDataFolder(config.dataDir);
  if (mended !== undefined)
    log.warn({ folder: config.dataDir, ...mended }, 'data folder was open to other users: closed');
  const stopAsked = onceAskedToStop(log);
  onReopen(log, () => logs.reopen());
  const hub = await startUnless(stopAsked, async (stopping) =>
    startHub(config, { log, access, takesOver, stopping }),
  );
  if (hub === undefined) {
    log.info('hub stopped before it was ready');
    return exitCode.ok;
  }
  onReopen(log, () => {
    logs.reopen();
    hub.audited.audit.reopen();
  });
  await Promise.race([stopAsked, hub.stopAsked]);
  log.info('hub stopping');
  // Drained and closed it is by then; whatever does not close must not keep a service manager waiting.
  setTimeout(() => {
    log.error('hub did not stop in time');
    process.exit(exitCode.software);
  }, config.drainTimeoutMs + stopPatienceMs).unref();
  await hub.stop();
  log.info(hub.counters.counted, 'hub stopped');
  return exitCode.ok;
}

/** Undefined: it was asked to stop first. A database may be waited for longer than a service manager waits for an end. */
async function startUnless(
  stopAsked: Promise<void>,
  starting: (stopping: AbortSignal) => Promise<Hub>,
): Promise<Hub | undefined> {
  const stop = new AbortController();
  void stopAsked.then(() => stop.abort());
  try {
    return await starting(stop.signal);
  } catch (error) {
    if (error instanceof CodedError || !stop.signal.aborted) throw error;
    return undefined;
  }
}

/** The first signal asks, the second one insists. */
async function onceAskedToStop(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let isAsked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (isAsked) {
        log.warn({ signal }, 'hub stopped at once');
        process.exit(signalExitBase + signalNumbers[signal as keyof typeof signalNumbers]);
      }
      isAsked = true;
      resolve();
    };
    for (const signal of Object.keys(signalNumbers)) process.on(signal, onSignal);
  });
}

/** auth.log, or a log of the hub, was renamed by whoever rotates it. From the first moment on: see `onReopenSignal`. */
function beforeReopen(): (log: Logger, reopen: () => void) => void {
  let known: { log: Logger; reopen: () => void } | undefined;
  onReopenSignal((signal) => {
    known?.reopen();
    known?.log.info({ signal }, 'files are opened again');
  });
  return (log, reopen) => {
    known = { log, reopen };
  };
}

/** Whoever reads the log may go, as `head` does, or its disk be full: that ends no film. Only a command's answer needs its reader. */
function outliveReaders({ stdout, stderr }: CommandContext): void {
  let isTold = false;
  stdout.on('error', (error) => {
    if (isTold) return;
    isTold = true;
    stderr.write(
      `phlix-hub: standard output cannot be written, lines are lost: ${error.message}; HUB_LOG_FILE keeps them in a file\n`,
    );
  });
  stderr.on('error', () => undefined);
}

/** The database writes its last checkpoint in a second or two; a slow disk may need ten. */
const stopPatienceMs = 20_000;

/** What a shell reports for a program that a signal ended. */
const signalExitBase = 128;
const signalNumbers = { SIGTERM: 15, SIGINT: 2 } as const;

/** After a bug nobody knows what state the process is in: it ends, and its supervisor starts a fresh one. */
function exitOnBug(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'hub ended by a bug');
    process.exit(exitCode.software);
  });
}
