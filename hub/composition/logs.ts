// Settings arrive; the hub's log and its access log leave, each into standard output or into files of its own.

import { LogFile } from '../../shared/log-file.ts';
import { createLogger, type Logger } from '../../shared/log.ts';
import { SettingsError } from '../../shared/settings/settings.ts';
import type { HubConfig } from '../config.ts';

/** Takes whole lines. */
export interface LineSink {
  write(line: string): unknown;
}

export interface Logs {
  readonly log: Logger;
  /** One line per exchange of a visitor; undefined: nobody wants them. */
  readonly access: Logger | undefined;
  /** SIGHUP: another program has put the files aside. */
  reopen(): void;
}

/** @throws SettingsError when a file cannot be written */
export function openLogs(
  { logLevel, logs }: Pick<HubConfig, 'logLevel' | 'logs'>,
  { stdout, stderr }: { stdout: LineSink; stderr: LineSink },
): Logs {
  const files: LogFile[] = [];
  const open = (name: string, path: string): LogFile => {
    const file = openFile(name, { path, ...logs, stderr });
    files.push(file);
    return file;
  };
  const sink = logs.file === undefined ? stdout : open('HUB_LOG_FILE', logs.file);
  const access =
    typeof logs.access === 'object' ? open('HUB_ACCESS_LOG', logs.access.file) : stdout;
  return {
    log: createLogger({ level: logLevel, name: 'phlix-hub' }, sink),
    access:
      logs.access === 'off'
        ? undefined
        : createLogger({ level: 'info', name: 'phlix-hub-access' }, access),
    reopen: () => {
      for (const file of files) file.reopen();
    },
  };
}

function openFile(
  name: string,
  place: { path: string; maxBytes: number; keptFiles: number; stderr: LineSink },
): LogFile {
  const { path, maxBytes, keptFiles, stderr } = place;
  const onTrouble = (error: unknown): void => {
    const why = error instanceof Error ? error.message : String(error);
    stderr.write(`phlix-hub: ${name} cannot be written, lines are lost until it can: ${why}\n`);
  };
  try {
    return new LogFile({ path, maxBytes, keptFiles, onTrouble });
  } catch (error) {
    const expected = `a file that the hub can write (${(error as NodeJS.ErrnoException).code})`;
    const remedy = 'give its folder to the user that the hub runs as, or name another file';
    throw new SettingsError([{ name, expected, remedy }]);
  }
}
