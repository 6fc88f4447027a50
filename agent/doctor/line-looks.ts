// The measured line arrives; how long and how wide it is leaves, and which films fit through it.

import { explained, ok, unknown, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { asFailure } from '../failure.ts';
import { bitrateVerdict, inMegabits } from './bitrate.ts';
import type { Measured } from './line.ts';
import type { Surroundings } from './surroundings.ts';

export const lineLooks = {
  'line.speed': async (here) => {
    try {
      const measured = await here.measured();
      return measured && speedOf(measured);
    } catch (error) {
      // Why the hub cannot be reached is told above.
      return explained('unknown', asFailure(error).message);
    }
  },
  'line.bitrate': async (here) => {
    const measured = await here.measured().catch(() => undefined);
    return measured?.kind === 'measured' ? bitrateVerdict(measured.up) : undefined;
  },
} satisfies Looks<Surroundings>;

/** A request for the next piece of a film takes one round trip, and so does each click. */
const farMs = 300;

function speedOf(measured: Measured): Verdict {
  if (measured.kind === 'refused') return refused(measured);
  if (measured.kind === 'stalled')
    return warning(
      `The hub is ${measured.roundTripMs.toFixed(0)} ms away, and no bytes came through ${measured.direction === 'up' ? 'to it' : 'from it'}.`,
      'See net.mtu above; if that is well, look whether something else takes the whole line.',
    );
  const { roundTripMs, up, down } = measured;
  const message = `The hub is ${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms away; this home sends ${inMegabits(up)} to it and gets ${inMegabits(down)}.`;
  if (roundTripMs > farMs)
    return warning(
      message,
      'That is far, or something else fills the line: look who uploads, or host the hub nearer to home.',
    );
  return ok(message);
}

function refused({ status, waitMs }: Measured & { kind: 'refused' }): Verdict {
  if (status === 404)
    return unknown('This hub does not measure lines.', 'It is of an older version: update it.');
  if (status === 429 || status === 503)
    return unknown(
      'The hub measures no more lines for now.',
      `Look again in ${Math.ceil((waitMs ?? 60_000) / 1000)} seconds.`,
    );
  return unknown(
    `The hub does not know this agent's key on this connection (status ${status}), so it measures nothing for it.`,
    'See tls.interception and agent.running: the server was removed at the hub, or somebody in between ends TLS.',
  );
}
