import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import { Program } from '../../test/support/program.ts';
import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { runHub } from './program.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
let folder: TemporaryFolder;
let hub: Program | undefined;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

beforeAll(() => {
  folder = temporaryFolder('cli');
});

afterAll(async () => {
  await hub?.stop();
  folder.remove();
});

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: folder.path,
    HUB_DATA_DIR: join(folder.path, 'data'),
    HUB_PUBLIC_URL: 'https://hub.localhost:4443',
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: 'off',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
    HUB_METRICS_LISTEN: 'off',
    ...more,
  };
}

async function run(words: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: environment(more), timeout: 20_000 };
    execFile(process.execPath, [main, ...words], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

async function runJson(...words: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await run([...words, '--json']);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** In this process: what is judged before any work begins needs no other. */
async function say(words: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runHub(words, { environment: environment(more), stdout, stderr });
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

describe('words', () => {
  test('--version and --help answer, with examples', async () => {
    expect((await say(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const words of [['--help'], ['enrol-token', 'create', '--help'], ['local-ca', '--help']]) {
      const { code, stdout } = await say(words);
      expect([code, stdout]).toEqual([0, expect.stringContaining('Examples:')]);
    }
  });

  test('that are wrong exit 64 and say what was meant', async () => {
    const { code, stderr } = await say(['servrs', 'list']);
    expect([code, stderr]).toEqual([64, expect.stringContaining('Did you mean servers?')]);
    expect((await say(['enrol-token', 'create', '--ttl', 'soon'])).code).toBe(64);
    expect((await say(['servers', 'rename', 'one'])).code).toBe(64);
  });

  test('with wrong settings exit 78 and list all of them, without their values', async () => {
    const wrong = {
      HUB_TLS: 'sometimes',
      HUB_DRAIN_TIMEOUT: '30',
      HUB_DATABASE_URL: 'postgres://a:changeme@b/c',
    };
    for (const words of [[], ['servers', 'list'], ['local-ca', 'show']]) {
      const { code, stderr } = await say(words, wrong);
      expect(code).toBe(78);
      for (const name of Object.keys(wrong)) expect(stderr).toContain(name);
      expect(stderr).not.toContain('changeme');
    }
  });
});

test('local-ca has nothing to show when the certificates come from files', async () => {
  const files = { HUB_TLS: 'files', HUB_TLS_CERT_FILE: '/a.pem', HUB_TLS_KEY_FILE: '/a.key' };
  expect(await say(['local-ca', 'show'], files)).toMatchObject({ code: 78, stdout: '' });
});

describe('without a running hub', () => {
  test('a token comes as lines to paste, and pins the local CA', async () => {
    const { stdout, code } = await run(['enrol-token', 'create', '--ttl', '90m']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^# .* once, for 90m, until 20/);
    const variables = Object.fromEntries(lines.slice(1).map((line) => line.split(/=(.*)/s)));
    expect(variables).toMatchObject({
      PHLIX_HUB_URL: 'https://hub.localhost:4443',
      PHLIX_SUBDOMAIN_AUTO_CLAIM: '1',
      PHLIX_TLS_ENABLED: '1',
    });
    const token = parseEnrolmentToken(String(variables['PHLIX_HUB_ENROLLMENT_TOKEN']));
    const { fingerprint } = await runJson('local-ca', 'show');
    expect(token.caFingerprint).toBe(fingerprint);
  });

  test('what was stored is readable by its owner alone', () => {
    const localCa = join(folder.path, 'data', 'local-ca');
    expect(modeOf(localCa)).toBe(0o700);
    for (const name of readdirSync(localCa)) expect(modeOf(join(localCa, name))).toBe(0o600);
    expect(modeOf(join(folder.path, 'data')) & 0o007).toBe(0);
  });

  test('servers are none, and the way to get one is shown', async () => {
    expect((await run(['servers', 'list'])).stdout).toContain('enrol-token create');
    expect(await runJson('servers', 'list')).toEqual({ servers: [] });
  });

  test('enrolment tokens that nobody has used are listed without their text, and voided', async () => {
    const { token } = await runJson('enrol-token', 'create', '--label', 'listed');
    const { id, secret } = parseEnrolmentToken(String(token));
    const listed = (await run(['enrol-token', 'list'])).stdout;
    expect(listed).toMatch(new RegExp(`^${id}  listed  any +a new one  operator  .* ago +20`, 'm'));
    expect(listed).not.toContain(secret);
    expect(await runJson('enrol-token', 'revoke', id)).toEqual({ revoked: 1 });
    expect(JSON.stringify(await runJson('enrol-token', 'list'))).not.toContain(id);
    const again = await run(['enrol-token', 'revoke', id]);
    expect([again.code, again.stderr]).toEqual([65, expect.stringContaining('enrol-token list')]);
    await run(['enrol-token', 'create']);
    expect((await run(['enrol-token', 'revoke', 'all'])).stdout).toMatch(
      /^\d+ tokens? (?:is|are) void/,
    );
    expect(await runJson('enrol-token', 'list')).toEqual({ tokens: [] });
  }, 60_000);

  test('people are told which folder was asked, and programs are not', async () => {
    const told = `phlix-hub: no hub runs with ${join(folder.path, 'data')}; if you mean another one, set HUB_DATA_DIR to its folder.\n`;
    expect((await run(['servers', 'list'])).stderr).toBe(told);
    expect((await run(['enrol-token', 'create'])).stderr).toBe(told);
    // An empty log is whole: nobody may take that for the word on his own.
    expect((await run(['audit', 'verify'])).stderr).toBe(told);
    expect((await run(['enrol-token', 'create', '--json'])).stderr).toBe('');
  }, 60_000);

  test('an unknown server is one sentence with the remedy', async () => {
    const { code, stderr } = await run(['servers', 'revoke', 'nowhere']);
    expect([code, stderr]).toEqual([
      65,
      'phlix-hub: There is no server "nowhere"; phlix-hub servers list shows those there are.\n',
    ]);
  });

  test('what a token is asked for is checked', async () => {
    for (const words of [
      ['--cidr', '10.0.0.1/99'],
      ['--ttl', '8d'],
      ['--label', 'www'],
      ['--server', 'nowhere'],
    ]) {
      const { code, stderr } = await say(['enrol-token', 'create', ...words]);
      expect(code).toBeGreaterThanOrEqual(64);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

describe('a running hub', () => {
  beforeAll(async () => {
    hub = new Program({ command: [process.execPath, main], env: environment() });
    await hub.waitForLine(/hub ready/);
  });

  test('answers commands through its own database', async () => {
    const { token, environment: variables } = await runJson('enrol-token', 'create');
    expect(parseEnrolmentToken(String(token)).id).toHaveLength(8);
    expect(variables).toMatchObject({ PHLIX_HUB_ENROLLMENT_TOKEN: token });
    expect(await runJson('servers', 'list')).toEqual({ servers: [] });
    expect((await run(['servers', 'list'])).stderr).toBe('');
  });

  test('keeps a second hub from its data, in one sentence', async () => {
    const { code, stderr } = await run([]);
    expect([code, stderr.trim().split('\n').length]).toEqual([75, 1]);
  });

  test('stops on SIGTERM with exit code 0, and takes its database along', async () => {
    expect(await hub?.stop()).toBe(0);
    expect(hub?.output).toMatch(/"hub stopped"/);
    const pidFile = join(folder.path, 'data', 'database', 'data', 'postmaster.pid');
    expect(() => readFileSync(pidFile)).toThrow(/ENOENT/);
  });
});

describe('an end in a hurry', () => {
  test('a bug ends the hub with exit code 70', async () => {
    const bug = `data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('planted')})`;
    const command = [process.execPath, '--import', bug, main] as const;
    // On data of its own: the hub's first start, under the hub's own umask, makes the database too.
    const fresh = { HUB_DATA_DIR: join(folder.path, 'fresh') };
    const doomed = new Program({ command, env: environment(fresh) });
    await doomed.waitForLine(/hub ready/);
    doomed.kill('SIGUSR2');
    expect(await doomed.ended).toBe(70);
    expect(doomed.output).toMatch(/hub ended by a bug/);
  });

  test('a second signal does not wait for the visitors that the first one lets finish', async () => {
    const hurried = new Program({ command: [process.execPath, main], env: environment() });
    const ready = await hurried.waitForLine(/"https":\{[^}]*"port":(\d+)/);
    const visitor = createConnection(Number(ready[1]), '127.0.0.1');
    await once(visitor, 'connect');
    hurried.kill('SIGINT');
    await hurried.waitForLine(/hub stopping/);
    hurried.kill('SIGINT');
    expect(await hurried.ended).toBe(130);
    visitor.destroy();
  });
});
