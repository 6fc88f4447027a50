// A notice of an agent arrives; what it says its streams wait for leaves (rule P55), or undefined for anything else. Nothing in it is believed beyond its range.

import type { Buffer } from 'node:buffer';

import type { AgentReport, StreamReport } from '../usage/meter.ts';

/** An agent has no reason to name more in a notice of 4 KiB. */
const maxStreams = 400;
/** A queue of a minute is none that anybody waits in. */
const maxQueueMs = 60_000;

export function readReport(payload: Buffer, atMs: number): AgentReport | undefined {
  const report = reportIn(payload);
  if (report === undefined) return undefined;
  const { busy, queue, streams } = report;
  if (!Array.isArray(streams) || streams.length > maxStreams) return undefined;
  const shares = new Map<number, StreamReport>();
  for (const entry of streams as unknown[]) {
    if (!Array.isArray(entry)) return undefined;
    const [id, line, credit] = entry as unknown[];
    if (!Number.isSafeInteger(id)) return undefined;
    shares.set(id as number, { line: shareOf(line), credit: shareOf(credit) });
  }
  const queueMs = isNumber(queue) ? Math.min(Math.max(0, queue), maxQueueMs) : undefined;
  return { atMs, busy: shareOf(busy), queueMs, streams: shares };
}

function reportIn(payload: Buffer): Record<string, unknown> | undefined {
  try {
    const notice: unknown = JSON.parse(payload.toString());
    const report = isObject(notice) ? notice['report'] : undefined;
    return isObject(report) ? report : undefined;
  } catch {
    return undefined;
  }
}

/** Of percent. */
function shareOf(percent: unknown): number {
  return isNumber(percent) ? Math.min(Math.max(0, percent / 100), 1) : 0;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
