// A rate and a round trip arrive; a port leaves behind which the target seems as far away, or the target itself where nothing is shaped.

import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';

export interface LineSpec {
  readonly id: string;
  readonly title: string;
  readonly bitsPerSecond: number | undefined;
  readonly rttMs: number;
}

export const unshaped: LineSpec = {
  id: 'unshaped',
  title: 'unshaped',
  bitsPerSecond: undefined,
  rttMs: 0,
};

/** A home's uplink by DSL, and by cable or glass. */
export const shapedLines: readonly LineSpec[] = [
  { id: '20mbit', title: '20 Mbit/s, 30 ms', bitsPerSecond: 20e6, rttMs: 30 },
  { id: '100mbit', title: '100 Mbit/s, 20 ms', bitsPerSecond: 100e6, rttMs: 20 },
];

export interface ShapedLine {
  readonly port: number;
  stop(): Promise<void>;
}

export interface ShapedLineOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Where to listen; any free port if left out. */
  readonly port?: number;
}

/** An unshaped line is none at all: a program in between would be the slowest part of the path. */
export async function openLine(
  spec: LineSpec,
  { target, port = 0 }: ShapedLineOptions,
): Promise<ShapedLine> {
  if (spec.bitsPerSecond === undefined) return { port: target.port, stop: async () => undefined };
  const options = {
    '--target': `${target.host}:${target.port}`,
    '--bytes-per-second': String(spec.bitsPerSecond / 8),
    '--delay-ms': String(spec.rttMs / 2),
    '--port': String(port),
  };
  const program = new Program({
    command: [process.execPath, lineProgram, ...Object.entries(options).flat()],
  });
  const [, listening] = await program.waitForLine(/^listening on 127\.0\.0\.1:(\d+)$/);
  return {
    port: Number(listening),
    stop: async () => void (await program.stop()),
  };
}

const lineProgram = fileURLToPath(new URL('../support/line/main.ts', import.meta.url));
