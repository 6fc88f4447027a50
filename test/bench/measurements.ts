// Durations arrive; the list of what is measured on each line leaves, each with the figures it fills.

import type { Certificate } from './certificate.ts';
import type { Contender } from './contender.ts';
import type { Figure, Values } from './figures.ts';
import type { CostPoint } from './cost.ts';
import { cpuOf, growth, memoryOf, warmUpCount } from './cost.ts';
import type { IdleAgents } from './idle-agents.ts';
import { measureHttp2Requests } from './requests-h2.ts';
import { measureRequests, type Requests } from './requests.ts';
import type { LineSpec } from './shaped-line.ts';
import { measureThroughput } from './throughput.ts';
import { measureUnderLoad } from './under-load.ts';
import { measureUpload } from './upload.ts';
import { measureMessages } from './websocket.ts';

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
  const wanted = { timesSsh: connections > 100 ? 1 : 1.5 };
  return {
    id,
    figures: figuresOfRequests(id, noun, { wanted }),
    take: async (contender) =>
      valuesOfRequests(id, await measureRequests(contender, { connections, seconds })),
  };
}

export function http2RequestsOf(streams: number, { seconds }: { seconds: number }): Measurement {
  const id = `requests.h2.${streams}`;
  const ratio = { of: id, to: 'requests.32' };
  const title = '  to HTTP/1.1, 32 connections';
  return {
    id,
    figures: [
      ...figuresOfRequests(id, `HTTP/2, 1 connection x ${streams}`, {}),
      { id: `${id}.ratio`, title, unit: 'x', ratio, wanted: { atLeast: 1 } },
    ],
    take: async (contender) =>
      valuesOfRequests(id, await measureHttp2Requests(contender, { streams, seconds })),
  };
}

function figuresOfRequests(id: string, noun: string, { wanted }: Pick<Figure, 'wanted'>): Figure[] {
  const requests = { id, title: `requests, ${noun}`, unit: '/s' };
  return [
    wanted === undefined ? requests : { ...requests, wanted },
    { id: `${id}.p50`, title: '  p50', unit: 'ms' },
    { id: `${id}.p99`, title: '  p99', unit: 'ms' },
    { id: `${id}.cpu`, title: `processor, ${noun}`, unit: 's/1000' },
    { id: `${id}.failed`, title: '  failed', unit: '', isOnlyTrouble: true },
  ];
}

function valuesOfRequests(id: string, taken: Requests): Values {
  return {
    [id]: taken.perSecond,
    [`${id}.p50`]: taken.p50Ms,
    [`${id}.p99`]: taken.p99Ms,
    [`${id}.failed`]: taken.failures,
    ...withParts(`${id}.cpu`, taken.cpuSecondsPerThousand),
  };
}

export function uploadOf(options: { seconds: number; certificate: Certificate }): Measurement {
  const ratio = { of: 'upload.1', to: 'throughput.1' };
  return {
    id: 'upload.1',
    figures: [
      { id: 'upload.1', title: 'upload, 1 stream', unit: 'MB/s' },
      { id: 'upload.1.ratio', title: '  to download', unit: 'x', ratio, wanted: { atLeast: 0.9 } },
      { id: 'upload.1.cpu', title: 'processor, upload', unit: 's/GB' },
    ],
    async take(contender) {
      const { bytesPerSecond, cpuSecondsPerGigabyte } = await measureUpload(contender, options);
      const rate = { 'upload.1': bytesPerSecond / 1e6 };
      return { ...rate, ...withParts('upload.1.cpu', cpuSecondsPerGigabyte) };
    },
  };
}

export function messagesOf(
  sockets: number,
  options: { seconds: number; certificate: Certificate },
): Measurement {
  const id = `messages.${sockets}`;
  const noun = sockets === 1 ? '1 socket' : `${sockets} sockets`;
  return {
    id,
    figures: [
      { id, title: `WebSocket messages, ${noun}`, unit: '/s' },
      { id: `${id}.p50`, title: '  round trip p50', unit: 'ms' },
      { id: `${id}.p99`, title: '  round trip p99', unit: 'ms' },
    ],
    async take(contender) {
      const taken = await measureMessages(contender, { sockets, ...options });
      return { [id]: taken.perSecond, [`${id}.p50`]: taken.p50Ms, [`${id}.p99`]: taken.p99Ms };
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

export const idleStreamFigures: readonly Figure[] = [
  { id: 'memory.stream.hub', title: 'memory per idle stream, hub', unit: 'KB' },
  { id: 'memory.stream.agent', title: 'memory per idle stream, agent', unit: 'KB' },
];

export function idleAgentFigures(count: number): Figure[] {
  const id = `agents.${count}`;
  const title = `${count} idle agents: memory per link, hub`;
  return [
    { id: `${id}.memory`, title, unit: 'KB', wanted: { atMost: 75 } },
    { id: `${id}.cpu`, title: '  processor at rest', unit: 's/min' },
    { id: `${id}.back`, title: '  all back after the hub was killed', unit: 's' },
    { id: `${id}.ready`, title: '  after it was ready again', unit: 's' },
    { id: `${id}.peak`, title: '  its highest memory meanwhile', unit: 'MB' },
    { id: `${id}.attempts`, title: '  failed attempts of each', unit: '' },
    { id: `${id}.missing`, title: '  not back', unit: '', isOnlyTrouble: true },
  ];
}

export function idleAgentValues(count: number, { bytesPerLink, life }: IdleAgents): Values {
  const id = `agents.${count}`;
  const memory = { [`${id}.memory`]: bytesPerLink / 1000 };
  if (life === undefined) return memory;
  const { comeback } = life;
  const attempts = Object.values(comeback.failedAttempts).reduce((sum, times) => sum + times, 0);
  return {
    ...memory,
    [`${id}.cpu`]: life.cpuSecondsPerMinute,
    [`${id}.back`]: comeback.seconds,
    [`${id}.ready`]: comeback.secondsOfReadyHub,
    [`${id}.peak`]: comeback.peakBytes / 1e6,
    [`${id}.attempts`]: attempts / count,
    [`${id}.missing`]: comeback.missing,
  };
}

/** Of noise on a machine that others use as well; 1 is linear. */
const growthTolerance = 0.05;

export function costFigures(steps: readonly number[]): Figure[] {
  const wanted = { atMost: 1 + growthTolerance };
  return [
    ...steps.flatMap((streams) => [
      {
        id: `cost.${streams}.cpu`,
        title: `${streams} playing, ${streams} idle: processor`,
        unit: 'ms/s',
      },
      { id: `cost.${streams}.gigabyte`, title: '  for a gigabyte', unit: 's/GB' },
      { id: `cost.${streams}.memory`, title: '  memory of a stream, hub and agent', unit: 'KB' },
    ]),
    { id: 'cost.growth.cpu', title: 'growth of processor time, 1 is linear', unit: '', wanted },
    { id: 'cost.growth.memory', title: 'growth of memory, 1 is linear', unit: '', wanted },
  ];
}

export function costValues(points: readonly CostPoint[]): Values {
  const perStep = points.map((point) => {
    const id = `cost.${point.streams}`;
    return {
      ...inMilliseconds(`${id}.cpu`, point),
      [`${id}.gigabyte`]: (cpuOf(point) / point.bytesPerSecond) * 1e9,
      [`${id}.memory`]: memoryOf(point) / 1000 / (2 * point.streams),
    };
  });
  return Object.assign({}, ...perStep, growthValues(points)) as Values;
}

function inMilliseconds(id: string, { cpu }: CostPoint): Values {
  return withParts(id, { hub: cpu.hub * 1000, agent: cpu.agent * 1000 });
}

/**
 * To the last number of streams: of processor time from ten on, as a single stream is hardly more than the noise, and of memory
 * from the first number that the warm-up did not reach.
 */
function growthValues(points: readonly CostPoint[]): Values {
  const to = points.at(-1);
  const busy = points.find(({ streams }) => streams >= leastStreams);
  const beyondWarmUp = points.find(({ streams }) => streams > warmUpCount);
  if (to === undefined) return {};
  return {
    ...(busy && busy !== to && { 'cost.growth.cpu': growth(busy, to, cpuOf) }),
    ...(beyondWarmUp &&
      beyondWarmUp !== to && { 'cost.growth.memory': growth(beyondWarmUp, to, memoryOf) }),
  };
}

const leastStreams = 10;
