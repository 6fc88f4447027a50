// TXT records arrive; a program of the operator's puts them where they belong. Its arguments are those of lego's `exec`.

import { spawn, type ChildProcess } from 'node:child_process';

import { DnsError } from './failure.ts';
import { proofOf, type DnsProvider, type TxtRecord } from './provider.ts';
import type { ExecSettings } from './provider-settings.ts';

/** Hooks that wait for a slow API themselves are common; one that waits for a keypress must end. */
const defaultTimeoutMs = 180_000;
/** What it left running in the background may hold its output open; nobody waits for that. */
const outputPatienceMs = 1000;
/** The end of its output, which says why it failed. */
const keptOutputChars = 4096;
const maxQuotedChars = 300;

/** Its settings and secrets are the hub's, and so is the way to talk with its service manager. */
const ownVariables = /^(HUB_|PG|CREDENTIALS_DIRECTORY$|NOTIFY_SOCKET$|LISTEN_|NODE_)/;
const plainEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

type Action = 'cleanup' | 'present';

interface End {
  /** `ended with exit code 1`; undefined: it did what it was asked. */
  readonly failure: string | undefined;
  readonly output: string;
}

export class Exec implements DnsProvider {
  readonly name = 'exec';
  readonly #settings: ExecSettings;
  readonly #timeoutMs: number;

  constructor(settings: ExecSettings, timeoutMs = defaultTimeoutMs) {
    this.#settings = settings;
    this.#timeoutMs = timeoutMs;
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#run('present', record, signal);
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#run('cleanup', record, signal);
  }

  async #run(action: Action, record: TxtRecord, signal: AbortSignal): Promise<void> {
    const words = this.#wordsFor(action, record);
    signal.throwIfAborted();
    const { path } = this.#settings;
    // No shell stands between: names that an authority or a CNAME chose are words, never commands.
    const child = spawn(path, words, {
      env: hookEnvironment(this.#settings.environment),
      // A hook that asks something reads the end of its input, not the hub's terminal.
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it started ends with it.
      detached: true,
    });
    const { failure, output } = await endOf(child, this.#timeoutMs, signal);
    signal.throwIfAborted();
    if (failure === undefined) return;
    const said = output.replaceAll(/\s+/g, ' ').trim().slice(-maxQuotedChars);
    const message = `The DNS hook ${path} ${action} ${failure}${said === '' ? '' : `; it said: ${said}`}.`;
    throw new DnsError('dns.hook-failed', message);
  }

  #wordsFor(action: Action, record: TxtRecord): string[] {
    if (this.#settings.isRaw !== true) return [action, `${record.name}.`, record.value];
    const { domain, token, keyAuthorization } = proofOf(record);
    // Tokens may begin with a dash.
    return [action, '--', domain, token, keyAuthorization];
  }
}

async function endOf(child: ChildProcess, timeoutMs: number, signal: AbortSignal): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-keptOutputChars);
  };
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', keep);
  const abort = (): void => resolve('was ended with the hub');
  signal.addEventListener('abort', abort);
  const late = setTimeout(() => {
    resolve(`did not end within ${timeoutMs / 1000} s and was ended`);
  }, timeoutMs);
  let patience: NodeJS.Timeout | undefined;
  child.once('error', (error) => resolve(startFailure(error)));
  child.once('exit', (code, by) => {
    const failure =
      code === 0 ? undefined : `ended ${code === null ? `by ${by}` : `with exit code ${code}`}`;
    child.once('close', () => resolve(failure));
    patience = setTimeout(() => resolve(failure), outputPatienceMs);
  });
  try {
    return { failure: await promise, output };
  } finally {
    clearTimeout(late);
    clearTimeout(patience);
    signal.removeEventListener('abort', abort);
    if (child.exitCode === null && child.signalCode === null) killGroup(child);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function startFailure({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') {
    return 'does not exist: check the path, and the program that the first line of the script names';
  }
  if (code === 'EACCES') {
    return 'may not be run: make it executable (chmod +x) for the user of the hub';
  }
  return `cannot be started (${message})`;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between the look and the kill.
  }
}

function hookEnvironment(environment: ExecSettings['environment']): NodeJS.ProcessEnv {
  if (environment === undefined) return plainEnvironment;
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !ownVariables.test(name)),
  );
}
