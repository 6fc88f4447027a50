// One live session, as hub or as agent, whose peer is played by hand and whose clock the test moves.

import { onTestFinished } from 'vitest';
import { FramePipe } from '../../shared/mux/frame-pipe.ts';
import { Session, type SessionEnd, type SessionOptions } from '../../shared/mux/session.ts';
import type { MuxStream } from '../../shared/mux/stream.ts';
import type { NaiveFrame } from './naive-codec.ts';
import { ScriptedPeer, settled } from './scripted-peer.ts';

export interface ScriptedSession {
  readonly peer: ScriptedPeer;
  readonly session: Session;
  /** Streams that the peer opened, in order. */
  readonly streams: MuxStream[];
  /** What each stream of either end failed with, in order. */
  readonly failures: Error[];
  readonly notices: string[];
  readonly goaways: string[];
  readonly ends: SessionEnd[];
  readonly clock: { nowMs: number };
  open(): MuxStream;
}

/** Gone when the test is; a deaf one's owner wants no notices and no goaways. The hub (acceptor) takes no streams; the agent (dialer) does. The session listens once the caller has awaited something. */
export function scriptedSession(
  side: 'hub' | 'agent',
  { isDeaf = false, ...options }: Partial<SessionOptions> & { isDeaf?: boolean } = {},
): ScriptedSession {
  const peer = new ScriptedPeer();
  const clock = { nowMs: 1_000 };
  const [streams, failures]: [MuxStream[], Error[]] = [[], []];
  const [notices, goaways, ends]: [string[], string[], SessionEnd[]] = [[], [], []];
  const watch = (stream: MuxStream) => stream.on('error', (error) => failures.push(error));
  const session = new Session(new FramePipe(peer.transport), {
    role: side === 'hub' ? 'acceptor' : 'dialer',
    receiveWindowBytes: 256 * 1024,
    sendWindowBytes: 256 * 1024,
    pingIntervalMs: 15_000,
    pingDeadlineMs: 10_000,
    maxStreams: 1024,
    ...(side === 'hub' ? {} : { onStream: (stream) => streams.push(watch(stream)) }),
    ...(isDeaf
      ? {}
      : {
          onNotice: (payload) => notices.push(payload.toString('latin1')),
          onGoaway: (reason, message) => goaways.push(`${reason}: ${message}`),
        }),
    onClosed: (end) => ends.push(end),
    nowMs: () => clock.nowMs,
    ...options,
  });
  onTestFinished(() => session.destroy());
  const open = () => watch(session.openStream());
  return { peer, session, streams, failures, notices, goaways, ends, clock, open };
}

/** The same behind its first ping: what it sends from here on is what the test made it send. */
export async function play(
  side: 'hub' | 'agent',
  options: Partial<SessionOptions> & { isDeaf?: boolean } = {},
): Promise<ScriptedSession> {
  const played = scriptedSession(side, options);
  await settled();
  played.peer.chunks.length = 0;
  return played;
}

/** What was sent on one stream, with ' END' behind it if that was said. In how many frames does not matter. */
export function sentOn(streamId: number, sent: readonly NaiveFrame[]): string {
  const own = sent.filter((frame) => frame.type === 0 && frame.streamId === streamId);
  const text = own.map(({ payload }) => payload.toString('latin1')).join('');
  const ends = own.flatMap(({ flags }, at) => (flags === 1 ? [at] : []));
  if (ends.length === 0) return text;
  return ends.length === 1 && ends[0] === own.length - 1
    ? `${text} END`
    : `${text} (misplaced END)`;
}
