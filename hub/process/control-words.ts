// What a hub and its commands say to each other on the control socket: the words of both sides, the socket's path, and what can be wrong.

import { Buffer } from 'node:buffer';
import { join } from 'node:path';

import { z } from 'zod';

import { findingStates } from '../../shared/doctor/finding.ts';
import { CodedError } from '../../shared/errors.ts';

/** `take-over`, `hand-over` and `go` are a successor's, in this order; the rest are the operator's. */
const words = ['take-over', 'hand-over', 'go', 'drain', 'doctor', 'ready'] as const;
export type ControlWord = (typeof words)[number];

const command = z.object({ command: z.enum(words) });
const finding = z.object({
  check: z.string(),
  state: z.enum(findingStates),
  message: z.string(),
  remedy: z.string().exactOptional(),
});
const event = z.discriminatedUnion('event', [
  z.object({ event: z.literal('reserved') }),
  /** Another process takes over already. */
  z.object({ event: z.literal('busy') }),
  z.object({ event: z.literal('moved'), links: z.number(), moved: z.number() }),
  z.object({ event: z.literal('draining'), streams: z.number() }),
  z.object({ event: z.literal('examined'), findings: z.array(finding) }),
  /** As `/readyz` says it: each part, and its reason. */
  z.object({ event: z.literal('readiness'), ready: z.boolean(), parts: z.unknown() }),
]);
export type ControlEvent = z.infer<typeof event>;

export type ControlErrorCode =
  | 'control.silent'
  | 'control.busy'
  | 'control.no-permission'
  | 'control.path-too-long';

export class ControlError extends CodedError<ControlErrorCode> {}

/** Undefined: nobody knows such a word. */
export function parseWord(line: string): ControlWord | undefined {
  try {
    return command.parse(JSON.parse(line)).command;
  } catch {
    return undefined;
  }
}

export function parseEvent(line: string): ControlEvent {
  return event.parse(JSON.parse(line));
}

/** One line on the socket. */
export function lineOf(said: ControlEvent | { readonly command: ControlWord }): string {
  return `${JSON.stringify(said)}\n`;
}

/** A Unix socket's path has 108 bytes on Linux and 104 on macOS, with a zero behind; longer ones are cut off silently. */
const maxPathBytes = 103;

/** @throws ControlError control.path-too-long */
export function socketPath(folder: string): string {
  const path = join(folder, 'hub.sock');
  const surplus = Buffer.byteLength(path) - maxPathBytes;
  if (surplus <= 0) return path;
  throw new ControlError(
    'control.path-too-long',
    `HUB_DATA_DIR is ${surplus} bytes too long for a socket in it: ${folder}. Move it to a shorter path to speak to its hub; SIGTERM drains the hub as well.`,
  );
}
