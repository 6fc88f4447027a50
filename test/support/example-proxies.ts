// An example of infra/proxies arrives, with the names and ports of a hub in a test; the real program leaves that runs with it, once its own check has passed.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { partPath } from './parts.ts';
import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface ProxyPlace {
  /** Where visitors find it. */
  readonly httpsPort: number;
  readonly httpPort: number;
  /** Where it finds the hub: in plain HTTP, or with TLS. */
  readonly hubHttpPort: number;
  readonly hubHttpsPort?: number;
  /** PEM of a certificate for the hub's names, and its key. */
  readonly certificate: { readonly cert: string; readonly key: string };
}

/** Else the examples' lines for IPv6 are left out, as they tell people to. */
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

/** Caddy listens on all addresses without being told, and is held to one here. */
export function listensOnIpv6(proxy: ExampleProxy): boolean {
  return hasIpv6 && proxy !== 'caddy';
}

export const exampleProxies = ['caddy', 'nginx', 'haproxy'] as const;
export type ExampleProxy = (typeof exampleProxies)[number];

const examples = fileURLToPath(new URL('../../infra/proxies', import.meta.url));

/** @throws where the program finds a mistake in the example */
export async function startExample(
  proxy: ExampleProxy,
  place: ProxyPlace,
  file = usual[proxy],
): Promise<Program> {
  const folder = temporaryFolder(proxy).path;
  const text = adapted(readFileSync(join(examples, proxy, file), 'utf8'), place, folder);
  const command = commands[proxy](folder, text, place);
  const [program, ...checks] = command.check;
  execFileSync(program, checks, { stdio: 'pipe' });
  const running = new Program({
    command: command.run,
    env: { HOME: folder, PATH: process.env['PATH'] },
  });
  for (const host of listensOnIpv6(proxy) ? ['127.0.0.1', '::1'] : ['127.0.0.1'])
    for (const port of [place.httpsPort, place.httpPort]) await reach(host, port, running);
  return running;
}

const usual: Record<ExampleProxy, string> = {
  caddy: 'Caddyfile',
  nginx: 'tls-ended.conf',
  haproxy: 'tls-ended.cfg',
};

/** Names, ports and files of the test in place of the example's; nothing else is changed. */
function adapted(text: string, place: ProxyPlace, folder: string): string {
  const { cert, key } = place.certificate;
  writeFileSync(join(folder, 'phlix-hub.pem'), cert);
  writeFileSync(join(folder, 'phlix-hub.key'), key);
  writeFileSync(join(folder, 'phlix-hub-with-key.pem'), `${cert}\n${key}`);
  return text
    .replaceAll('/etc/ssl/', `${folder}/`)
    .replaceAll('hub.example.org', 'hub.localhost')
    .replaceAll('films.example.net', 'phlix.localhost')
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${place.hubHttpPort}`)
    .replaceAll('127.0.0.1:8443', `127.0.0.1:${place.hubHttpsPort ?? 1}`)
    .replaceAll(hasIpv6 ? /^$/g : /^ *(?:bind|listen) \[::\]:.*\n/gm, '')
    .replaceAll(/^( *(?:bind|listen)) \[::\]:443\b/gm, `$1 [::1]:${place.httpsPort}`)
    .replaceAll(/^( *(?:bind|listen)) \[::\]:80\b/gm, `$1 [::1]:${place.httpPort}`)
    .replaceAll(/^( *(?:bind|listen)) :?443\b/gm, `$1 127.0.0.1:${place.httpsPort}`)
    .replaceAll(/^( *(?:bind|listen)) :?80\b/gm, `$1 127.0.0.1:${place.httpPort}`);
}

interface Commands {
  readonly check: [string, ...string[]];
  readonly run: [string, ...string[]];
}

const commands: Record<
  ExampleProxy,
  (folder: string, text: string, place: ProxyPlace) => Commands
> = {
  caddy: (folder, text, place) => {
    const file = join(folder, 'Caddyfile');
    const own = `{\n\tadmin off\n\thttps_port ${place.httpsPort}\n\thttp_port ${place.httpPort}\n\tdefault_bind 127.0.0.1\n\tstorage file_system ${folder}\n}\n`;
    writeFileSync(file, own + text);
    const words: [string, ...string[]] = ['--config', file, '--adapter', 'caddyfile'];
    return {
      check: [partPath('caddy'), 'validate', ...words],
      run: [partPath('caddy'), 'run', ...words],
    };
  },
  nginx: (folder, text) => {
    mkdirSync(join(folder, 'logs'));
    const file = join(folder, 'nginx.conf');
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `  ${kind}_temp_path ${folder}/${kind};`,
    );
    writeFileSync(
      file,
      `daemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n${paths.join('\n')}\n${text}\n}\n`,
    );
    const words: [string, ...string[]] = ['-p', folder, '-c', file];
    return {
      check: [partPath('nginx'), '-t', ...words],
      run: [partPath('nginx'), ...words],
    };
  },
  haproxy: (folder, text) => {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, text);
    return {
      check: [partPath('haproxy'), '-c', '-f', file],
      run: [partPath('haproxy'), '-db', '-f', file],
    };
  },
};

/** It binds its ports within a second or ends. */
async function reach(host: string, port: number, program: Program): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
    const socket = connect(port, host);
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await Promise.race([program.ended, new Promise((resolve) => setTimeout(resolve, 50))]);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`nothing listens on ${host}, port ${port}: ${program.output}`);
}
