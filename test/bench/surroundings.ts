// The machine and the contenders are looked at; lines leave that say what the figures were taken on.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { connect } from 'node:tls';

import { partPath } from '../support/parts.ts';
import type { Certificate } from './certificate.ts';
import { visitedHost, type Contender } from './contender.ts';

export interface Surroundings {
  readonly processors: string;
  readonly kernel: string;
  /** Of the last minute, before anything began: others at work make all figures smaller, and not all alike. */
  readonly load: number;
  readonly programs: readonly string[];
}

export function surroundings(): Surroundings {
  const [processor] = cpus();
  return {
    processors: `${cpus().length} x ${processor?.model}`,
    kernel: release(),
    load: loadavg()[0] ?? 0,
    programs: [
      `node ${process.version}`,
      firstLine(partPath('nginx'), '-v'),
      firstLine('ssh', '-V'),
      firstLine(partPath('wrk'), '-v'),
      firstLine(partPath('nghttp2'), '--version'),
      firstLine(partPath('curl'), '--version'),
    ],
  };
}

/** What a visitor and this contender agree on: `TLSv1.3 TLS_AES_128_GCM_SHA256`, and whose certificate it shows. */
export async function visitorTls(contender: Contender, certificate: Certificate): Promise<string> {
  const socket = connect({
    host: '127.0.0.1',
    port: contender.port,
    servername: visitedHost,
    ca: readFileSync(certificate.authorityFile),
  });
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject);
  });
  const words = [
    socket.getProtocol(),
    socket.getCipher().standardName,
    `certificate ${socket.getPeerCertificate().fingerprint256.slice(0, 11)}...`,
  ];
  socket.destroy();
  return words.join(' ');
}

/** Some of them print their version as an error, with a status that says so. */
function firstLine(program: string, flag: string): string {
  const script = '"$0" "$1" 2>&1 || true';
  const text = execFileSync('sh', ['-c', script, program, flag], { encoding: 'utf8' });
  return text.split('\n', 1)[0]?.replace('nginx version: ', '') ?? '';
}
