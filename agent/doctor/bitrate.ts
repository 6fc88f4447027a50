// What a line carries arrives; which films fit through it leaves.

import { ok, warning, type Verdict } from '../../shared/doctor/finding.ts';

interface Picture {
  readonly name: string;
  /** Mbit/s, as media servers make it by default or as discs have it. */
  readonly rate: number;
}

/** From the least that people watch to the most. */
const pictures: readonly Picture[] = [
  { name: '480p', rate: 2 },
  { name: '720p', rate: 4 },
  { name: '1080p', rate: 10 },
  { name: '4K', rate: 25 },
  { name: '4K from the disc', rate: 80 },
];
/** A player that gets no more than it plays stands still with the first hitch. */
const reserve = 1.25;

export function inMegabits(bitsPerSecond: number): string {
  const megabits = bitsPerSecond / 1e6;
  return `${megabits < 10 ? megabits.toFixed(1) : megabits.toFixed(0)} Mbit/s`;
}

/** `up` in bits a second: what the home sends is what visitors see. */
export function bitrateVerdict(up: number): Verdict {
  const fitting = pictures.filter(({ rate }) => rate * 1e6 * reserve <= up);
  const best = fitting.at(-1);
  const next = pictures[fitting.length];
  const asked = Math.max(0.5, Math.floor((up / 1e6 / reserve) * 2) / 2);
  if (best === undefined)
    return warning(
      `No film fits through ${inMegabits(up)}: 480p wants ${pictures[0]?.rate} Mbit/s and a reserve.`,
      `Let the media server transcode for remote streams to ${asked} Mbit/s, look what else uses the line, or get one with more upload.`,
    );
  const times = Math.floor(up / (best.rate * 1e6 * reserve));
  const several = times > 1 ? `, ${times} at once` : '';
  const fits = `${best.name} at ${best.rate} Mbit/s fits${several}`;
  if (next === undefined) return ok(`${fits}.`);
  const message = `${fits}; ${next.name} at ${next.rate} Mbit/s does not.`;
  if (best.rate >= 4) return ok(message);
  return warning(
    message,
    `Limit remote streams in the media server to ${asked} Mbit/s, so that it transcodes what is larger.`,
  );
}
