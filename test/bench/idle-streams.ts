// Two counts arrive; what an idle tunnel and an idle stream cost in resident memory leaves, of the hub and of the agent.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startOrigin } from '../support/origin/origin.ts';
import { Program } from '../support/program.ts';
import type { Certificate } from './certificate.ts';
import { createTokens, startAgent, startHub, type BenchHub } from './hub-with-agent.ts';
import { IdleVisitors } from './idle-visitors.ts';
import { Inspector } from './inspector.ts';

export interface IdleMemory {
  readonly hubBytesPerTunnel: number;
  readonly hubBytesPerStream: number;
  readonly agentBytesPerStream: number;
}

export interface IdleMemoryOptions {
  readonly tunnels: number;
  readonly streams: number;
  readonly certificate: Certificate;
}

/** Before anything is counted, code is compiled and pools are filled. */
const warmUpCount = 20;

export async function measureIdleMemory(
  folder: string,
  options: IdleMemoryOptions,
): Promise<IdleMemory> {
  const { certificate } = options;
  const hub = await startHub(join(folder, 'hub'), { certificate, isInspected: true });
  const watched = await Watched.attach(hub.program);
  const streams = await measureStreams(join(folder, 'agent'), hub, watched, options);
  const hubBytesPerTunnel = await measureTunnels(join(folder, 'agents'), hub, watched, options);
  watched.detach();
  await hub.program.stop();
  return { ...streams, hubBytesPerTunnel };
}

async function measureStreams(
  folder: string,
  hub: BenchHub,
  watchedHub: Watched,
  { streams, certificate }: IdleMemoryOptions,
): Promise<Pick<IdleMemory, 'hubBytesPerStream' | 'agentBytesPerStream'>> {
  const origin = await startOrigin();
  const served = { hub, originPort: origin.port, certificate };
  const { program } = await startAgent(folder, { ...served, isInspected: true });
  const watchedAgent = await Watched.attach(program);
  const visitors = new IdleVisitors(hub.port, certificate);
  await visitors.open(warmUpCount);
  const before = { hub: await watchedHub.bytes(), agent: await watchedAgent.bytes() };
  await visitors.open(streams);
  const hubBytesPerStream = ((await watchedHub.bytes()) - before.hub) / streams;
  const agentBytesPerStream = ((await watchedAgent.bytes()) - before.agent) / streams;
  visitors.close();
  watchedAgent.detach();
  await program.stop();
  await origin.stop();
  return { hubBytesPerStream, agentBytesPerStream };
}

async function measureTunnels(
  folder: string,
  hub: BenchHub,
  watchedHub: Watched,
  { tunnels, certificate }: IdleMemoryOptions,
): Promise<number> {
  const first = await startIdleAgents(join(folder, '1'), { hub, certificate, count: warmUpCount });
  const before = await watchedHub.bytes();
  const second = await startIdleAgents(join(folder, '2'), { hub, certificate, count: tunnels });
  const bytesPerTunnel = ((await watchedHub.bytes()) - before) / tunnels;
  for (const program of [first, second]) await program.stop();
  return bytesPerTunnel;
}

/** All of them in one process: only what the hub holds for each is measured. */
async function startIdleAgents(
  folder: string,
  options: { hub: BenchHub; certificate: Certificate; count: number },
): Promise<Program> {
  const { hub, certificate, count } = options;
  mkdirSync(folder, { recursive: true });
  const tokensFile = join(folder, 'tokens');
  writeFileSync(tokensFile, (await createTokens(hub, count)).join('\n'), { mode: 0o600 });
  const settings = {
    '--hub-url': `https://hub.localhost:${hub.port}`,
    '--authority-file': certificate.authorityFile,
    '--tokens-file': tokensFile,
    '--folder': folder,
  };
  const program = new Program({
    command: [process.execPath, agentsProgram, ...Object.entries(settings).flat()],
  });
  await program.waitForLine(/^all connected$/, 60_000);
  return program;
}

/** A program whose memory is read with nothing left in it that nobody uses. */
class Watched {
  readonly #program: Program;
  readonly #inspector: Inspector;

  static async attach(program: Program): Promise<Watched> {
    return new Watched(program, await Inspector.attach(program));
  }

  private constructor(program: Program, inspector: Inspector) {
    this.#program = program;
    this.#inspector = inspector;
  }

  async bytes(): Promise<number> {
    // Twice: what the first collection finalises, the second one frees.
    for (let round = 0; round < 2; round += 1) {
      await after(settleMs);
      await this.#inspector.collectGarbage();
    }
    return this.#program.memory().bytes;
  }

  detach(): void {
    this.#inspector.detach();
  }
}

/** Handshakes, credit and acknowledgements are over by then. */
const settleMs = 500;
const agentsProgram = fileURLToPath(new URL('agents/main.ts', import.meta.url));
