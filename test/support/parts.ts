// Which programs of Debian this machine has; suites ask here whether their real part exists and where it stands.

import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Part {
  readonly debianPackage: string;
  readonly binary: string;
  /** Folders beside PATH where Debian keeps the binary. `*` stands for any one folder. */
  readonly folders?: readonly string[];
  /** What is not tested without it, for the person who reads the warning. */
  readonly neededBy: string;
}

const administration = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

const parts = {
  postgresql: {
    debianPackage: 'postgresql',
    binary: 'initdb',
    folders: ['/usr/lib/postgresql/*/bin'],
    neededBy: 'the store tests on a PostgreSQL server that is not ours',
  },
  age: {
    debianPackage: 'age',
    binary: 'age',
    neededBy: 'backups as the program opens them whose format they are in',
  },
  ffmpeg: {
    debianPackage: 'ffmpeg',
    binary: 'ffmpeg',
    neededBy: 'players reading MP4 and HLS through the tunnel, and the film of the demo',
  },
  nginx: {
    debianPackage: 'nginx',
    binary: 'nginx',
    folders: administration,
    neededBy: 'nginx as a second origin, and the benchmark',
  },
  haproxy: {
    debianPackage: 'haproxy',
    binary: 'haproxy',
    folders: administration,
    neededBy: 'PROXY headers as a real proxy writes them',
  },
  mmdblookup: {
    debianPackage: 'mmdb-bin',
    binary: 'mmdblookup',
    neededBy: 'the map of addresses as its own program reads it',
  },
  minisign: {
    debianPackage: 'minisign',
    binary: 'minisign',
    neededBy: 'releases verified as people do it',
  },
  oathtool: {
    debianPackage: 'oathtool',
    binary: 'oathtool',
    neededBy: 'codes of authenticator apps, as another program makes them',
  },
  chromium: {
    debianPackage: 'chromium',
    binary: 'chromium',
    neededBy: 'the browser that plays and seeks in the film',
  },
  certutil: {
    debianPackage: 'libnss3-tools',
    binary: 'certutil',
    neededBy: 'the browser that trusts the local certificate authority',
  },
  curl: {
    debianPackage: 'curl',
    binary: 'curl',
    neededBy: 'HTTP/1.1 and HTTP/2 as curl speaks them',
  },
  nghttp2: {
    debianPackage: 'nghttp2-client',
    binary: 'h2load',
    neededBy: 'load over HTTP/2',
  },
  sshd: {
    debianPackage: 'openssh-server',
    binary: 'sshd',
    folders: administration,
    neededBy: 'the benchmark against ssh -R',
  },
  socat: {
    debianPackage: 'socat',
    binary: 'socat',
    neededBy: 'the benchmark of uploads',
  },
  wrk: { debianPackage: 'wrk', binary: 'wrk', neededBy: 'the benchmark' },
  strace: {
    debianPackage: 'strace',
    binary: 'strace',
    neededBy: 'with which modes hub and agent make their files, from the first moment on',
  },
  caddy: {
    debianPackage: 'caddy',
    binary: 'caddy',
    neededBy: 'the hub behind Caddy, as the guide has it',
  },
  shellcheck: {
    debianPackage: 'shellcheck',
    binary: 'shellcheck',
    neededBy: 'what is wrong with the shell scripts that people run as root',
  },
  systemd: {
    debianPackage: 'systemd',
    binary: 'systemd-analyze',
    neededBy: 'whether systemd understands the units, and how it rates their hardening',
  },
  iproute2: {
    debianPackage: 'iproute2',
    binary: 'ip',
    folders: administration,
    neededBy: 'networks that are cut',
  },
  tc: {
    debianPackage: 'iproute2',
    binary: 'tc',
    folders: administration,
    neededBy: 'networks that are slow',
  },
  iptables: {
    debianPackage: 'iptables',
    binary: 'iptables',
    folders: administration,
    neededBy: 'lines that swallow packets in silence',
  },
  slowhttptest: {
    debianPackage: 'slowhttptest',
    binary: 'slowhttptest',
    neededBy: 'slow visitors, as the tool that made them famous sends them',
  },
  openssl: {
    debianPackage: 'openssl',
    binary: 'openssl',
    neededBy: 'certificates and handshakes as OpenSSL sees them',
  },
  testssl: {
    debianPackage: 'testssl.sh',
    binary: 'testssl',
    neededBy: 'what a scanner finds at the door: versions, suites, names',
  },
  sslscan: {
    debianPackage: 'sslscan',
    binary: 'sslscan',
    neededBy: 'the same as another scanner sees it',
  },
  pebble: {
    debianPackage: 'pebble',
    binary: 'pebble',
    neededBy: 'certificates from an ACME authority',
  },
  bind: {
    debianPackage: 'bind9',
    binary: 'named',
    folders: administration,
    neededBy: 'proofs by dynamic update (RFC 2136) of a name server that people run',
  },
  dig: {
    debianPackage: 'bind9-dnsutils',
    binary: 'dig',
    neededBy: "the built-in responder's answers as people look at them",
  },
  fail2ban: {
    debianPackage: 'fail2ban',
    binary: 'fail2ban-server',
    neededBy: 'auth.log as fail2ban reads it, and a ban that it really makes',
  },
  unbound: {
    debianPackage: 'unbound',
    binary: 'unbound',
    folders: administration,
    neededBy: "the built-in responder's zone as a resolver sees it",
  },
  buildah: {
    debianPackage: 'buildah',
    binary: 'buildah',
    neededBy: 'images that are really built (npm run images)',
  },
  debootstrap: {
    debianPackage: 'debootstrap',
    binary: 'debootstrap',
    folders: administration,
    neededBy: 'a small Debian to build images on (npm run images)',
  },
  'docker-compose': {
    debianPackage: 'docker-compose',
    binary: 'docker-compose',
    neededBy: 'compose files as their own program reads them',
  },
  kubectl: {
    // Google's package of the same program is called kubectl, and Debian 12 does not have it; where it is installed, it is found.
    debianPackage: 'kubernetes-client',
    binary: 'kubectl',
    neededBy: 'manifests as kustomize puts them together',
  },
  prometheus: {
    debianPackage: 'prometheus',
    binary: 'prometheus',
    neededBy: 'metrics as Prometheus scrapes them, and every query of the dashboard and the alerts',
  },
  promtool: {
    debianPackage: 'prometheus',
    binary: 'promtool',
    neededBy: 'the alert rules by their own unit tests',
  },
} satisfies Record<string, Part>;

export type PartName = keyof typeof parts;

/** Parts that a person, or test/run.ts, declares absent: names with commas between. */
export const absentPartsVariable = 'TEST_ABSENT_PARTS';

export function describePart(name: PartName): Part {
  return parts[name];
}

export function missingParts(): PartName[] {
  return (Object.keys(parts) as PartName[]).filter((name) => pathOf(name) === undefined);
}

/**
 * For `describe.skipIf(!hasParts('ffmpeg'))`. With CI=true an absent part throws instead:
 * a suite that is left out there would never be noticed.
 */
export function hasParts(...names: PartName[]): boolean {
  const absent = names.filter((name) => pathOf(name) === undefined);
  if (absent.length > 0 && process.env['CI'] === 'true') {
    throw new Error(
      `missing on this machine: ${absent.map((name) => parts[name].debianPackage).join(', ')}`,
    );
  }
  return absent.length === 0;
}

/** Absolute path of the part's program. @throws when the machine lacks it; ask `hasParts` first. */
export function partPath(name: PartName): string {
  const path = pathOf(name);
  if (path === undefined) {
    throw new Error(`${name} is missing: apt-get install ${parts[name].debianPackage}`);
  }
  return path;
}

function pathOf(name: PartName): string | undefined {
  if ((process.env[absentPartsVariable] ?? '').split(',').includes(name)) return undefined;
  const part: Part = parts[name];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...onPath, ...(part.folders ?? []).flatMap(expandStar)]
    .map((folder) => join(folder, part.binary))
    .find(isExecutable);
}

function expandStar(folder: string): string[] {
  const [before, after] = folder.split('*');
  if (before === undefined || after === undefined) return [folder];
  try {
    // The newest version first, as pg_wrapper does.
    const versions = readdirSync(before).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(before, version, after));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
