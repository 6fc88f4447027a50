// A zone and its keys arrive; two BIND 9 servers hold it, the first takes updates, the second follows by zone transfer.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { listenOnBoth } from './dns-port.ts';
import { startDnsRelay } from './dns-relay.ts';
import { partPath } from './parts.ts';
import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface BindKey {
  readonly name: string;
  readonly algorithm: string;
  /** base64. */
  readonly secret: string;
}

interface BindZone {
  readonly name: string;
  /** What stands in the zone's clause: `update-policy { ... };`, `allow-update { ... };`. */
  readonly rights: string;
  /** Records beside SOA, NS and the addresses of `ns1` and `ns2`. */
  readonly records?: readonly string[];
}

export interface Bind {
  /** Both servers listen here; NS records carry no port. */
  readonly port: number;
  readonly primary: { readonly host: string; readonly port: number };
  readonly secondary: { readonly host: string; readonly port: number };
  /** Everything the primary has logged. */
  log(): string;
  stop(): Promise<void>;
}

export interface BindOptions {
  readonly keys: readonly BindKey[];
  readonly zones: readonly BindZone[];
  /** True: the secondary never hears that the zone changed. */
  readonly isSecondaryDeaf?: boolean;
  /** The last byte of the primary's address in 127.0.0.0/8; the secondary has the next. */
  readonly host?: number;
}

export function bindKey(name: string, algorithm = 'hmac-sha256'): BindKey {
  return { name, algorithm, secret: randomBytes(32).toString('base64') };
}

/** Needs the part `bind`. */
export async function startBind(options: BindOptions): Promise<Bind> {
  const { host = 21, zones, keys } = options;
  const [one, two] = [`127.0.0.${host}`, `127.0.0.${host + 1}`];
  const [onePort, twoPort] = await freePorts();
  const folder = temporaryFolder('bind');
  const start = async (
    name: string,
    port: number,
    clauses: readonly string[],
  ): Promise<Program> => {
    const home = join(folder.path, name);
    mkdirSync(home, { recursive: true });
    const file = join(home, 'named.conf');
    writeFileSync(file, [...settings(home, port, keys), ...clauses, ''].join('\n'));
    const program = new Program({ command: [partPath('bind'), '-g', '-n', '1', '-c', file] });
    await program.waitForLine(/ running$/);
    return program;
  };
  const notify =
    options.isSecondaryDeaf === true ? '' : `also-notify { 127.0.0.1 port ${twoPort}; };`;
  const primaryClauses = zones.map((zone) => {
    const file = writeZone(folder.path, zone, one, two);
    return `zone "${zone.name}" { type primary; file "${file}"; ${zone.rights} ${notify} };`;
  });
  const secondaryClauses = zones.map(
    ({ name }) =>
      `zone "${name}" { type secondary; file "${name}.copy"; primaries { 127.0.0.1 port ${onePort}; }; };`,
  );
  const primary = await start('primary', onePort, primaryClauses);
  const secondary = await start('secondary', twoPort, secondaryClauses);
  for (const { name } of zones) {
    await secondary.waitForLine(new RegExp(`transfer of '${name}/IN' .*Transfer status: success`));
  }
  const oneRelay = await startDnsRelay(one, 0, onePort);
  const twoRelay = await startDnsRelay(two, oneRelay.port, twoPort);
  return {
    port: oneRelay.port,
    primary: { host: one, port: oneRelay.port },
    secondary: { host: two, port: twoRelay.port },
    log: () => primary.output,
    stop: async () => {
      await Promise.all([oneRelay.stop(), twoRelay.stop(), primary.stop(), secondary.stop()]);
      folder.remove();
    },
  };
}

function settings(home: string, port: number, keys: readonly BindKey[]): string[] {
  return [
    'options {',
    `  directory "${home}";`,
    `  listen-on port ${port} { 127.0.0.1; };`,
    '  listen-on-v6 { none; };',
    '  pid-file none; session-keyfile none; lock-file none;',
    '  recursion no; dnssec-validation no; notify explicit; notify-delay 0;',
    '  allow-transfer { 127.0.0.0/8; };',
    '};',
    'controls { };',
    ...keys.map(
      ({ name, algorithm, secret }) =>
        `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };`,
    ),
  ];
}

function writeZone(
  folder: string,
  { name, records = [] }: BindZone,
  one: string,
  two: string,
): string {
  const file = join(folder, `${name}.zone`);
  const lines = [
    `$ORIGIN ${name}.`,
    '$TTL 60',
    // It refreshes and retries by the hour: what the secondary has, it was told of.
    '@ SOA ns1 hostmaster 1 3600 3600 86400 60',
    '@ NS ns1',
    '@ NS ns2',
    `ns1 A ${one}`,
    `ns2 A ${two}`,
    ...records,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/** Two different ones, each free for UDP too: named shares a port with another named in silence, and goes on without UDP. */
async function freePorts(): Promise<[number, number]> {
  const holders = [1, 2].map(() => ({ tcp: createServer(), udp: createSocket('udp4') }));
  const ports: number[] = [];
  for (const { tcp, udp } of holders) {
    ports.push(await listenOnBoth(tcp, udp, { host: '127.0.0.1', port: 0 }));
  }
  for (const { tcp, udp } of holders) {
    udp.close();
    await once(tcp.close(), 'close');
  }
  const [one = 0, two = 0] = ports;
  return [one, two];
}
