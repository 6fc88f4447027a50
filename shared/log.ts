// A level and a program's name arrive; JSON lines on stdout leave, with secrets cut out of them.

import { redacted } from './redaction.ts';
import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Fields that never belong into a log. A net under the rule "facts only": nothing is meant to be caught by it. */
const secretFields = [
  'token',
  'secret',
  'password',
  'authorization',
  'cookie',
  'set-cookie',
  'privateKey',
  'private_key',
  'signature',
];

/** The program's logger. Children (`log.child({ link })`) carry their facts into every line below them. */
export function createLogger(
  options: { level: LogLevel; name: string },
  destination?: DestinationStream,
): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: {
      // The last part of a path may be a wildcard in pino, not the depth: two levels are what our fields have.
      paths: secretFields.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.*["${field}"]`]),
      censor: '[secret]',
    },
    // The fields above by their names, and whatever else a line quotes, as the line goes out.
    hooks: { streamWrite: redacted },
  };
  return pino(settings, destination);
}

/** An expected failure is its code and its chain of causes; only a bug is worth a stack. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const message = withoutParameters(error.message);
  // A line leaves out what is undefined.
  return {
    code,
    message,
    cause: describeError(error.cause),
    stack: code === undefined ? error.stack?.replace(error.message, () => message) : undefined,
  };
}

/** A failed query's message ends with what it was asked with: people's names and addresses, and the hashes of their secrets. */
function withoutParameters(message: string): string {
  const [query = '', parameters] = message.split('\nparams: ', 2);
  return parameters === undefined ? message : `${query} [parameters left out]`;
}
