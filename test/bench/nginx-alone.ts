// The origin's port arrives; the limit of what can be reached leaves: nginx ends TLS and asks the origin itself, with no tunnel.

import { join } from 'node:path';

import type { Contender, ContenderOptions } from './contender.ts';
import { startNginx, tlsProxy } from './nginx.ts';
import { openLine } from './shaped-line.ts';

export async function startNginxAlone(
  folder: string,
  { originPort, certificate, line: spec }: ContenderOptions,
): Promise<Contender> {
  const line = await openLine(spec, { target: { host: '127.0.0.1', port: originPort } });
  const nginx = await startNginx(join(folder, 'nginx'), tlsProxy(certificate, line.port));
  return {
    name: 'nginx',
    port: nginx.port,
    programs: { nginx: nginx.program },
    configuration: nginx.configuration,
    async stop() {
      await nginx.program.stop();
      await line.stop();
    },
  };
}
