// Nothing arrives; an origin of another kind leaves: what is sent to it is thrown away, and WebSocket messages come back.

import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';

export const sinkPath = '/sink';
export const echoPath = '/echo';

export interface PeerOrigin {
  readonly port: number;
  readonly configuration: string;
  stop(): Promise<void>;
}

/** nginx can neither take an upload without keeping it, nor speak WebSocket. A process of its own, as nginx is one. */
export async function startPeerOrigin(): Promise<PeerOrigin> {
  const program = new Program({ command: [process.execPath, peerProgram] });
  const [, port] = await program.waitForLine(/^listening on (\d+)$/);
  return {
    port: Number(port),
    configuration: `node:http discards what is sent to ${sinkPath}; ws echoes at ${echoPath}`,
    stop: async () => void (await program.stop()),
  };
}

const peerProgram = fileURLToPath(new URL('peer/main.ts', import.meta.url));
