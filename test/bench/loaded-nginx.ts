// A number of names arrives; an nginx leaves that has a certificate for each of them, or a wildcard for all, in files as people give them to it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { stampedName, type Mint } from './mint.ts';
import { startNginx, tlsCipher, type Nginx } from './nginx.ts';
import type { LoadedHubOptions } from './loaded-hub.ts';

interface Site {
  readonly names: readonly string[];
  readonly chainFile: string;
  readonly keyFile: string;
}

export async function startLoadedNginx(
  folder: string,
  { mint, servers, coverage }: LoadedHubOptions,
): Promise<Nginx> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const sites =
    coverage === 'wildcard'
      ? [await wildcard(folder, mint)]
      : Array.from({ length: servers }, (_, index) => site(folder, mint, stampedName(index)));
  return startNginx(folder, (port) => [tables, ...sites.map(blockAt(port))].join(''));
}

/** For ten thousand names: it tries all sizes of its table, for minutes, until no bucket is too full. */
const tables = `
  server_names_hash_max_size 65536;
  server_names_hash_bucket_size 1024;`;

/** As the proxy of the other rows has it, and nothing behind it: here only handshakes count. */
function blockAt(port: number) {
  return ({ names, chainFile, keyFile }: Site, index: number): string => `
  server {
    listen 127.0.0.1:${port} ssl http2${index === 0 ? ' backlog=4096' : ''};
    server_name ${names.join(' ')};
    ssl_certificate ${chainFile};
    ssl_certificate_key ${keyFile};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites ${tlsCipher};
    return 204;
  }`;
}

async function wildcard(folder: string, mint: Mint): Promise<Site> {
  const names = ['*.phlix.localhost', 'phlix.localhost'];
  const { certificate, key } = await mint.issue(names);
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return {
    names,
    chainFile: file('wildcard.crt', certificate),
    keyFile: file('wildcard.key', key),
  };
}

function site(folder: string, mint: Mint, name: string): Site {
  const { certificate, key, keyIndex } = mint.stamp(name);
  const chainFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${keyIndex}.key`);
  writeFileSync(chainFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  return { names: [name], chainFile, keyFile };
}
