// A server block arrives; a running nginx leaves, in the foreground and in a folder of its own. Origin and both baselines are made of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort } from '../../infra/quickstart/ports.ts';
import { partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import type { Certificate } from './certificate.ts';
import { accepts } from './readiness.ts';

export interface Nginx {
  readonly port: number;
  readonly program: Program;
  readonly configuration: string;
}

/** What goes into `http { }`; the port is for its `listen`. */
export async function startNginx(folder: string, http: (port: number) => string): Promise<Nginx> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const port = await freePort();
  const configuration = frame(folder, http(port));
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration);
  const program = new Program({ command: [partPath('nginx'), '-e', 'stderr', '-c', file] });
  await accepts(port, program);
  return { port, program, configuration };
}

/**
 * The reverse proxy that people put in front of a port, and what makes it fast: connections to the port kept open, no log.
 * Buffering is nginx's default (on), but for its 1 GiB of temporary file per answer, which nobody wants for films, and but
 * for uploads, which it would keep on disk to the end. WebSocket passes as its manual has it.
 */
export function tlsProxy({ chainFile, keyFile }: Certificate, targetPort: number) {
  return (port: number): string => `
  upstream target {
    server 127.0.0.1:${targetPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  map $http_upgrade $connection_of_upgrade {
    '' '';
    default upgrade;
  }
  server {
    listen 127.0.0.1:${port} ssl http2 backlog=4096;
    ssl_certificate ${chainFile};
    ssl_certificate_key ${keyFile};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites ${tlsCipher};
    keepalive_requests 1000000000;
    location / {
      proxy_pass http://target;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_of_upgrade;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_buffering on;
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;
      client_max_body_size 0;
    }
  }`;
}

/** The hub's own first choice. */
export const tlsCipher = 'TLS_AES_128_GCM_SHA256';

function frame(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${join(folder, kind)};`)
    .join('\n');
  // A master that is root would give its workers to nobody, who cannot read our folders.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}worker_processes auto;
daemon off;
pid ${join(folder, 'nginx.pid')};
error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
${temporary}${http}
}
`;
}
