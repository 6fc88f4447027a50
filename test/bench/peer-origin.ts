// Nothing arrives; an origin of another kind leaves, which sends WebSocket messages back.

import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';

export const echoPath = '/echo';

export interface PeerOrigin {
  readonly port: number;
  readonly configuration: string;
  stop(): Promise<void>;
}

/** nginx does not speak WebSocket itself. A process of its own, as nginx is one. */
export async function startPeerOrigin(): Promise<PeerOrigin> {
  const program = new Program({ command: [process.execPath, peerProgram] });
  const [, port] = await program.waitForLine(/^listening on (\d+)$/);
  return {
    port: Number(port),
    configuration: `ws echoes at ${echoPath}`,
    stop: async () => void (await program.stop()),
  };
}

const peerProgram = fileURLToPath(new URL('peer/main.ts', import.meta.url));
