// A count arrives; what an idle stream costs in resident memory leaves, of the hub and of the agent.

import { join } from 'node:path';

import { startOrigin } from '../support/origin/origin.ts';
import type { Certificate } from './certificate.ts';
import { startAgent, startHub } from './hub-with-agent.ts';
import { IdleVisitors } from './idle-visitors.ts';
import { Watched } from './watched.ts';

export interface IdleStreamMemory {
  readonly hubBytesPerStream: number;
  readonly agentBytesPerStream: number;
}

/** Before anything is counted, code is compiled and pools are filled. */
const warmUpCount = 20;

export async function measureIdleStreams(
  folder: string,
  { streams, certificate }: { streams: number; certificate: Certificate },
): Promise<IdleStreamMemory> {
  const hub = await startHub(join(folder, 'hub'), { certificate, isInspected: true });
  const origin = await startOrigin();
  const served = { hub, originPort: origin.port, certificate, isInspected: true };
  const { program: agent } = await startAgent(join(folder, 'agent'), served);
  const watched = { hub: await Watched.attach(hub.program), agent: await Watched.attach(agent) };
  const visitors = new IdleVisitors(hub.port, certificate);
  await visitors.open(warmUpCount);
  const before = { hub: await watched.hub.bytes(), agent: await watched.agent.bytes() };
  await visitors.open(streams);
  const hubBytesPerStream = ((await watched.hub.bytes()) - before.hub) / streams;
  const agentBytesPerStream = ((await watched.agent.bytes()) - before.agent) / streams;
  visitors.close();
  for (const one of [watched.agent, watched.hub]) one.detach();
  for (const program of [agent, hub.program]) await program.stop();
  await origin.stop();
  return { hubBytesPerStream, agentBytesPerStream };
}
