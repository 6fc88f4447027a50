// Zones and who answers for them arrive; Debian's Unbound leaves, a resolver on loopback that believes nobody else.

import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { partPath } from './parts.ts';
import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface UnboundZone {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface Unbound {
  readonly host: string;
  readonly port: number;
  /** `127.0.0.1:5353`. */
  readonly server: string;
  stop(): Promise<void>;
}

/** Needs the part `unbound`. */
export async function startUnbound(zones: readonly UnboundZone[]): Promise<Unbound> {
  const host = '127.0.0.1';
  const port = await freePort(host);
  const folder = temporaryFolder('unbound');
  const file = join(folder.path, 'unbound.conf');
  writeFileSync(file, `${settings(folder.path, host, port, zones)}\n`);
  const program = new Program({ command: [partPath('unbound'), '-d', '-c', file] });
  await program.waitForLine(/start of service/);
  return {
    host,
    port,
    server: `${host}:${port}`,
    stop: async () => {
      await program.stop();
      folder.remove();
    },
  };
}

function settings(
  folder: string,
  host: string,
  port: number,
  zones: readonly UnboundZone[],
): string {
  return [
    'server:',
    `  directory: "${folder}"`,
    '  chroot: ""',
    '  username: ""',
    '  pidfile: ""',
    '  use-syslog: no',
    '  verbosity: 1',
    `  interface: ${host}`,
    `  port: ${port}`,
    '  do-ip6: no',
    '  do-not-query-localhost: no',
    '  module-config: "iterator"',
    // As authorities' resolvers do: the case of the question has to come back, and names are asked for label by label.
    '  use-caps-for-id: yes',
    '  qname-minimisation: yes',
    '  qname-minimisation-strict: yes',
    '  harden-below-nxdomain: yes',
    '  harden-glue: yes',
    // Reserved names are answered by resolvers themselves unless told otherwise.
    '  local-zone: "test." nodefault',
    '  local-zone: "localhost." nodefault',
    'remote-control:',
    '  control-enable: no',
    ...zones.flatMap((zone) => [
      'stub-zone:',
      `  name: "${zone.name}"`,
      `  stub-addr: ${zone.host}@${zone.port}`,
    ]),
  ].join('\n');
}

async function freePort(host: string): Promise<number> {
  const holder = createServer().listen(0, host);
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, 'close');
  return port;
}
