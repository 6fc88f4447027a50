// A plan arrives; the stages of a run leave: on which line, with which origin, what is measured and how often.

import type { Certificate } from './certificate.ts';
import {
  http2RequestsOf,
  messagesOf,
  requestsOf,
  throughputOf,
  underLoadOn,
  uploadOf,
  type Measurement,
} from './measurements.ts';
import { startBenchOrigin } from './origin.ts';
import { startPeerOrigin } from './peer-origin.ts';
import type { Plan } from './plan.ts';
import { shapedLines, unshaped, type LineSpec } from './shaped-line.ts';
import { startSinkOrigin } from './sink-origin.ts';

export interface Stage {
  readonly id: string;
  readonly title: string;
  readonly line: LineSpec;
  readonly startOrigin: () => Promise<StageOrigin>;
  readonly measurements: readonly Measurement[];
  readonly rounds: number;
  /** Taken once before the first round, and thrown away: code is being compiled in the first seconds of a hub that runs for months. */
  readonly warmUp: Measurement | undefined;
  /** Later stages differ in ports, and in what their title says. */
  readonly isIntroduced: boolean;
}

export interface StageOrigin {
  readonly port: number;
  readonly configuration: string;
  stop(): Promise<void>;
}

export function stagesOf(plan: Plan, certificate: Certificate): Stage[] {
  return [
    ...(plan.parts.has('rows')
      ? [
          answersStage(plan, certificate),
          uploadStage(plan, certificate),
          socketsStage(plan, certificate),
        ]
      : []),
    ...(plan.parts.has('lines')
      ? shapedLines.map((line) => lineStage(line, plan, certificate))
      : []),
  ];
}

function answersStage(plan: Plan, certificate: Certificate): Stage {
  const throughput = { seconds: plan.throughputSeconds, certificate };
  const requests = { seconds: plan.requestSeconds };
  const load = { seconds: plan.loadSeconds, certificate };
  return {
    id: 'answers',
    title: 'films and small answers',
    line: unshaped,
    startOrigin: startBenchOrigin,
    measurements: [
      ...[1, 16].map((streams) => throughputOf(streams, throughput)),
      ...[1, 32, 256].map((connections) => requestsOf(connections, requests)),
      http2RequestsOf(32, requests),
      ...(plan.hasUnshapedLoad ? [underLoadOn(unshaped, load)] : []),
    ],
    rounds: plan.rounds,
    warmUp: requestsOf(32, requests),
    isIntroduced: true,
  };
}

function uploadStage(plan: Plan, certificate: Certificate): Stage {
  const upload = uploadOf({ seconds: plan.throughputSeconds, certificate });
  return {
    id: 'upload',
    title: 'uploads',
    line: unshaped,
    startOrigin: startSinkOrigin,
    measurements: [upload],
    rounds: plan.rounds,
    warmUp: upload,
    isIntroduced: false,
  };
}

function socketsStage(plan: Plan, certificate: Certificate): Stage {
  const messages = { seconds: plan.messageSeconds, certificate };
  return {
    id: 'sockets',
    title: 'WebSocket',
    line: unshaped,
    startOrigin: startPeerOrigin,
    measurements: [1, 32].map((sockets) => messagesOf(sockets, messages)),
    rounds: plan.rounds,
    warmUp: messagesOf(32, messages),
    isIntroduced: false,
  };
}

function lineStage(line: LineSpec, plan: Plan, certificate: Certificate): Stage {
  return {
    id: line.id,
    title: line.title,
    line,
    startOrigin: startBenchOrigin,
    measurements: [underLoadOn(line, { seconds: plan.loadSeconds, certificate })],
    rounds: plan.loadRounds,
    warmUp: undefined,
    isIntroduced: false,
  };
}
