// The origin's port arrives; what people do without a tunnel product leaves: `ssh -R` from the home, and nginx in front of the port it opens.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../../infra/quickstart/ports.ts';
import { partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import type { Contender, ContenderOptions } from './contender.ts';
import { startNginx, tlsProxy } from './nginx.ts';
import { accepts } from './readiness.ts';
import { openLine } from './shaped-line.ts';

export async function startSshBehindNginx(
  folder: string,
  { originPort, certificate, line: spec, sshCipher }: ContenderOptions,
): Promise<Contender> {
  const keys = makeKeys(join(folder, 'ssh'));
  const server = await startServer(keys);
  const line = await openLine(spec, { target: { host: '127.0.0.1', port: server.port } });
  const client = await startClient(keys, {
    serverPort: line.port,
    originPort,
    cipher: sshCipher,
  });
  const nginx = await startNginx(join(folder, 'nginx'), tlsProxy(certificate, client.port));
  return {
    name: 'ssh',
    port: nginx.port,
    programs: { ssh: client.program, sshd: server.program, nginx: nginx.program },
    configuration: [server.configuration, client.configuration, nginx.configuration].join('\n'),
    async stop() {
      for (const program of [nginx.program, client.program, server.program]) await program.stop();
      await line.stop();
    },
  };
}

interface Keys {
  readonly folder: string;
  readonly host: string;
  readonly user: string;
}

interface SshProgram {
  readonly program: Program;
  readonly port: number;
  readonly configuration: string;
}

/** Made for this run, gone with its folder. */
function makeKeys(folder: string): Keys {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keys = { folder, host: join(folder, 'host'), user: join(folder, 'user') };
  for (const file of [keys.host, keys.user]) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', file]);
  }
  return keys;
}

async function startServer({ folder, host, user }: Keys): Promise<SshProgram> {
  makeSeparationFolder();
  const port = await freePort();
  const configuration = `# sshd_config
ListenAddress 127.0.0.1:${port}
HostKey ${host}
AuthorizedKeysFile ${user}.pub
AuthenticationMethods publickey
AllowTcpForwarding remote
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
`;
  const file = join(folder, 'sshd_config');
  writeFileSync(file, configuration);
  // sshd starts itself again for each connection and wants to be called by its absolute path.
  const program = new Program({ command: [partPath('sshd'), '-D', '-e', '-f', file] });
  await accepts(port, program);
  return { program, port, configuration };
}

interface ClientOptions {
  readonly serverPort: number;
  readonly originPort: number;
  readonly cipher: string | undefined;
}

/** Ciphers, windows and all else as OpenSSH comes; a machine's own configuration is left out. */
async function startClient(
  { folder, host, user }: Keys,
  { serverPort, originPort, cipher }: ClientOptions,
): Promise<SshProgram> {
  const port = await freePort();
  const knownHosts = join(folder, 'known_hosts');
  const [type, key] = execFileSync('ssh-keygen', ['-y', '-f', host], { encoding: 'utf8' }).split(
    ' ',
  );
  writeFileSync(knownHosts, `[127.0.0.1]:${serverPort} ${type} ${key}\n`);
  const settings = {
    IdentityFile: user,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: knownHosts,
    StrictHostKeyChecking: 'yes',
    ExitOnForwardFailure: 'yes',
    BatchMode: 'yes',
    ...(cipher === undefined ? {} : { Ciphers: cipher }),
  };
  const options = Object.entries(settings).map(([name, value]) => `-o${name}=${value}`);
  const forward = ['-R', `127.0.0.1:${port}:127.0.0.1:${originPort}`];
  const target = ['-p', String(serverPort), `${userInfo().username}@127.0.0.1`];
  const base = ['ssh', '-N', '-F', 'none', ...options] as const;
  const negotiated = await negotiatedCipher([...base, ...target]);
  const command = [...base, ...forward, ...target] as const;
  const program = new Program({ command });
  await accepts(port, program);
  const configuration = `# ${command.join(' ')}\n# cipher negotiated: ${negotiated}\n`;
  return { program, port, configuration };
}

/** Asked on a connection of its own: `-v` also writes a line for each forwarded connection, which would be measured. */
async function negotiatedCipher(command: readonly [string, ...string[]]): Promise<string> {
  const program = new Program({ command: [...command, '-v'] });
  const [, cipher = ''] = await program.waitForLine(/kex: server->client cipher: (\S+)/);
  await program.stop();
  return cipher;
}

/** Where an sshd of root locks itself in. Debian makes it when its own service starts, which here it never did. */
function makeSeparationFolder(): void {
  const path = '/run/sshd';
  if (process.getuid?.() !== 0 || existsSync(path)) return;
  mkdirSync(path, { mode: 0o755 });
  process.once('exit', () => rmdirSync(path));
}
