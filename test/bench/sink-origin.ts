// Nothing arrives; an origin leaves that throws away whatever is sent to it, and never answers.

import { freePort } from '../../infra/quickstart/ports.ts';
import { partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { accepts } from './readiness.ts';

export interface SinkOrigin {
  readonly port: number;
  readonly configuration: string;
  stop(): Promise<void>;
}

/**
 * Uploads are compared with downloads, which nginx sends out of the page cache without touching them: a sink that reads
 * HTTP would be what is measured. This one is written in C and reads nothing; uploads end by their time.
 */
export async function startSinkOrigin(): Promise<SinkOrigin> {
  const port = await freePort();
  const listener = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`;
  const command: [string, ...string[]] = [
    partPath('socat'),
    '-u',
    '-b',
    String(pieceBytes),
    listener,
    'OPEN:/dev/null',
  ];
  const program = new Program({ command });
  await accepts(port, program);
  return {
    port,
    configuration: `socat throws away what is sent, ${pieceBytes} bytes at a time`,
    stop: async () => void (await program.stop()),
  };
}

/** As much as hub and agent move at a time. */
const pieceBytes = 65_536;
