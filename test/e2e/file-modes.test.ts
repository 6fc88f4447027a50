import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Made {
  readonly call: string;
  readonly path: string;
  readonly flags: string;
  readonly mode: number;
}

/** Security row E-09: what is secret is nobody else's from its first moment on, and not only once somebody has closed it. */
describe.skipIf(!hasParts('strace'))(
  'the files of a first start, as the kernel is asked for them',
  () => {
    const traces = temporaryFolder('traces').path;
    let hub: HubProcess;
    let agent: AgentProcess;

    beforeAll(async () => {
      hub = await HubProcess.start({ wrap: traced('hub') });
      const token = await hub.createToken('--label', 'movies');
      agent = new AgentProcess({ hub, originPort: 9, token, wrap: traced('agent') });
      await agent.reachable();
    }, 180_000);

    // strace holds signals back for as long as its program runs.
    afterAll(async () => {
      for (const program of [agent?.program, hub?.program]) {
        if (program === undefined) continue;
        for (const pid of childrenOf(program.pid)) process.kill(pid, 'SIGTERM');
        await program.end();
      }
    });

    test.each([
      ['hub', ['ca-key.pem', 'server.pem', 'sealing.key', 'setup-token']],
      ['agent', ['identity.json']],
    ] as const)(
      '%s: secrets are made closed, and under no name that was there',
      (name, secrets) => {
        const made = madeBy(name).filter(({ call }) => call.startsWith('open'));
        for (const secret of secrets) {
          // Drafts have something behind the name.
          const creations = made.filter(({ path }) => path.includes(secret));
          expect([secret, creations.length]).not.toEqual([secret, 0]);
          for (const { flags, mode } of creations) {
            expect([secret, flags]).toEqual([secret, expect.stringContaining('O_EXCL')]);
            expect([secret, mode.toString(8)]).toEqual([secret, '600']);
          }
        }
      },
    );

    test('nothing is made open to others, and closed afterwards', () => {
      const changed = [...madeBy('hub'), ...madeBy('agent')].filter(({ call }) =>
        /chmod/.test(call),
      );
      // The folder was there before its hub; and fail2ban may read this one log.
      const expected = [
        hub.folder,
        join(hub.folder, 'database'),
        join(hub.folder, 'audit'),
        join('audit', 'lock'),
        'auth.log',
      ];
      for (const { path, mode } of changed)
        expect(expected.some((one) => path.endsWith(one)) ? path : [path, mode.toString(8)]).toBe(
          path,
        );
      const folders = [...madeBy('hub'), ...madeBy('agent')].filter(({ call }) =>
        /mkdir/.test(call),
      );
      for (const { path, mode } of folders)
        expect([path, (mode & 0o077).toString(8)]).toEqual([path, '0']);
    });

    function madeBy(name: 'hub' | 'agent'): Made[] {
      const home = name === 'hub' ? hub.folder : agent.folder;
      const lines = readFileSync(join(traces, name), 'utf8').split('\n');
      const made = lines.flatMap(readLine);
      // What PostgreSQL makes is in a folder that is closed.
      const foreign = `${join(home, 'database')}/`;
      return made.filter(({ path }) => path.startsWith(home) && !path.startsWith(foreign));
    }

    function traced(name: string): (command: [string, ...string[]]) => [string, ...string[]] {
      const calls = 'open,openat,creat,mkdir,mkdirat,chmod,fchmodat';
      const words = ['-f', '--seccomp-bpf', '-qq', '-s', '4096', '-o', join(traces, name)];
      return (command) => [
        partPath('strace'),
        ...words,
        '-e',
        `trace=${calls}`,
        '-e',
        'status=successful',
        ...command,
      ];
    }
  },
);

/** `1234 openat(AT_FDCWD, "/path", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 17`. */
function readLine(line: string): Made[] {
  const found = /^\d+ +(\w+)\((?:AT_FDCWD, )?"([^"]*)", (?:([A-Z_|]+), )?0?([0-7]+)/.exec(line);
  if (found === null) return [];
  const [, call = '', path = '', flags = '', mode = ''] = found;
  if (call.startsWith('open') && !flags.includes('O_CREAT')) return [];
  return [{ call, path, flags, mode: Number.parseInt(mode, 8) }];
}

function childrenOf(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return listed === '' ? [] : listed.split(' ').map(Number);
}
