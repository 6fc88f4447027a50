// A hub's settings arrive; a way to run `phlix-hub <words>` in this process leaves: a program of its own takes seconds to load on a busy machine.

import { Writable } from 'node:stream';

import { runHub } from '../../hub/cli/program.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import type { CommandResult } from './deployment.ts';

export function hostCommand(
  environment: Environment,
): (...words: string[]) => Promise<CommandResult> {
  return async (...words) => {
    const said = { stdout: '', stderr: '' };
    const streamOf = (name: keyof typeof said): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          said[name] += chunk.toString('utf8');
          done();
        },
      });
    const context = { environment, stdout: streamOf('stdout'), stderr: streamOf('stderr') };
    return { exitCode: await runHub(words, context), ...said };
  };
}
