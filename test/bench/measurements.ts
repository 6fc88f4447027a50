// Durations arrive; the list of what is measured on each line leaves, each with the figures it fills.

import type { Certificate } from './certificate.ts';
import type { Contender } from './contender.ts';
import type { Figure, Values } from './figures.ts';
import { measureRequests } from './requests.ts';
import type { LineSpec } from './shaped-line.ts';
import { measureThroughput } from './throughput.ts';
import { measureUnderLoad } from './under-load.ts';

export interface Measurement {
  /** A file name, too. */
  readonly id: string;
  readonly figures: readonly Figure[];
  take(contender: Contender): Promise<Values>;
}

export function throughputOf(
  streams: number,
  { seconds, certificate }: { seconds: number; certificate: Certificate },
): Measurement {
  const [rate, cpu] = [`throughput.${streams}`, `cpu.${streams}`];
  const noun = streams === 1 ? '1 stream' : `${streams} streams`;
  return {
    id: rate,
    figures: [
      { id: rate, title: noun, unit: 'MB/s', wanted: { timesSsh: 1.3 } },
      { id: cpu, title: `processor, ${noun}`, unit: 's/GB', wanted: { atMost: 4 } },
    ],
    async take(contender) {
      const options = { streams, seconds, certificate };
      const { bytesPerSecond, cpuSecondsPerGigabyte } = await measureThroughput(contender, options);
      return { [rate]: bytesPerSecond / 1e6, ...withParts(cpu, cpuSecondsPerGigabyte) };
    },
  };
}

export function requestsOf(connections: number, { seconds }: { seconds: number }): Measurement {
  const id = `requests.${connections}`;
  const noun = connections === 1 ? '1 connection' : `${connections} connections`;
  // With many connections everyone waits for the processor, and nginx is written in C.
  const wanted = { timesSsh: connections > 100 ? 0.9 : 1.5 };
  return {
    id,
    figures: [
      { id, title: `requests, ${noun}`, unit: '/s', wanted },
      { id: `${id}.p50`, title: '  p50', unit: 'ms' },
      { id: `${id}.p99`, title: '  p99', unit: 'ms' },
      { id: `${id}.cpu`, title: `processor, ${noun}`, unit: 's/1000' },
      { id: `${id}.failed`, title: '  failed', unit: '', isOnlyTrouble: true },
    ],
    async take(contender) {
      const taken = await measureRequests(contender, { connections, seconds });
      return {
        [id]: taken.perSecond,
        [`${id}.p50`]: taken.p50Ms,
        [`${id}.p99`]: taken.p99Ms,
        [`${id}.failed`]: taken.failures,
        ...withParts(`${id}.cpu`, taken.cpuSecondsPerThousand),
      };
    },
  };
}

/** Of queueing that may come on top of the round trip. */
const queueMs = 40;

export function underLoadOn(
  line: LineSpec,
  { seconds, certificate }: { seconds: number; certificate: Certificate },
): Measurement {
  const id = `load.${line.id}`;
  const isShaped = line.bitsPerSecond !== undefined;
  const p50 = { id: `${id}.p50`, title: `small beside bulk, ${line.title}: p50`, unit: 'ms' };
  return {
    id,
    figures: [
      isShaped ? { ...p50, wanted: { atMost: line.rttMs + queueMs } } : p50,
      { id: `${id}.p99`, title: '  p99', unit: 'ms' },
      isShaped
        ? { id: `${id}.share`, title: '  share of line', unit: '%', wanted: { atLeast: 92 } }
        : { id: `${id}.rate`, title: '  bulk', unit: 'MB/s' },
    ],
    async take(contender) {
      const taken = await measureUnderLoad(contender, { line, seconds, certificate });
      const bulk = taken.bulkBytesPerSecond;
      return {
        [`${id}.p50`]: taken.p50Ms,
        [`${id}.p99`]: taken.p99Ms,
        ...(line.bitsPerSecond === undefined
          ? { [`${id}.rate`]: bulk / 1e6 }
          : { [`${id}.share`]: ((bulk * 8) / line.bitsPerSecond) * 100 }),
      };
    },
  };
}

/** The sum under the figure's id, and each program's share under its own. */
function withParts(id: string, used: Readonly<Record<string, number>>): Values {
  const parts = Object.entries(used);
  return {
    [id]: parts.reduce((sum, [, seconds]) => sum + seconds, 0),
    ...Object.fromEntries(parts.map(([name, seconds]) => [`${id}/${name}`, seconds])),
  };
}

export const memoryFigures: readonly Figure[] = [
  { id: 'memory.tunnel', title: 'memory per idle tunnel, hub', unit: 'KB' },
  { id: 'memory.stream.hub', title: 'memory per idle stream, hub', unit: 'KB' },
  { id: 'memory.stream.agent', title: 'memory per idle stream, agent', unit: 'KB' },
];
