// Settings arrive; the agent's log leaves, into standard output or into a file that is opened anew when another program has put it aside.

import { LogFile } from '../shared/log-file.ts';
import { createLogger, type Logger } from '../shared/log.ts';
import { onReopenSignal } from '../shared/reopen-signals.ts';
import { SettingsError } from '../shared/settings/settings.ts';
import type { AgentConfig } from './config.ts';

/** @throws SettingsError when the file cannot be written */
export function openLog({ logLevel, logFile }: Pick<AgentConfig, 'logLevel' | 'logFile'>): Logger {
  const file = logFile && openFile(logFile);
  const log = createLogger({ level: logLevel, name: 'phlix-agent' }, file);
  onReopenSignal((signal) => {
    file?.reopen();
    log.info({ signal }, 'files are opened again');
  });
  return log;
}

function openFile(place: NonNullable<AgentConfig['logFile']>): LogFile {
  try {
    return new LogFile({ ...place, onTrouble: complain });
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    const expected = `a file that the agent can write (${code})`;
    const remedy = 'give its folder to the user that the agent runs as, or name another file';
    throw new SettingsError([{ name: 'PHLIX_LOG_FILE', expected, remedy }]);
  }
}

function complain(error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `phlix-agent: PHLIX_LOG_FILE cannot be written, lines are lost until it can: ${why}\n`,
  );
}
