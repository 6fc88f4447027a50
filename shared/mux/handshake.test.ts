import { Buffer } from 'node:buffer';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeFrames, frame, frames } from '../../test/support/naive-codec.ts';
import { ScriptedPeer, settled } from '../../test/support/scripted-peer.ts';
import { endpoint } from '../../test/support/sessions.ts';
import { everyByte, memoryPair, whole } from '../../test/support/transports.ts';
import {
  decodeHello,
  encodeChallenge,
  encodeHello,
  encodeWelcome,
  type Hello,
  type Welcome,
} from '../wire/hello.ts';
import { FramePipe } from './frame-pipe.ts';
import {
  acceptHandshake,
  dialHandshake,
  type AcceptOptions,
  type DialOptions,
} from './handshake.ts';

const nonce = Buffer.alloc(32, 7);
const signature = Buffer.alloc(64, 9);
const welcome: Welcome = {
  initialWindowBytes: 262_144,
  pingIntervalMs: 15_000,
  pingDeadlineMs: 10_000,
  addresses: ['https://movies.example'],
  maxLinks: 8,
  highestResetCode: 8,
};
const hello: Hello = {
  version: 1,
  agentId: 'agent',
  signature,
  epoch: 5n,
  initialWindowBytes: 262_144,
  software: 'test/1',
  slot: 0,
  originProtocol: 'http/1.1',
};
const challenge = { minVersion: 1, maxVersion: 1, nonce };
const helloFrame = (changes: Partial<Hello> = {}) =>
  frame(0x11, 0, encodeHello({ ...hello, ...changes }));
const challengeFrame = (minVersion = 1, maxVersion = 1) =>
  frame(0x10, 0, encodeChallenge({ ...challenge, minVersion, maxVersion }));
const welcomeFrame = frame(0x12, 0, encodeWelcome(welcome));

const accept = (pipe: FramePipe, options: Partial<AcceptOptions> = {}) =>
  acceptHandshake(pipe, {
    nonce,
    deadlineMs: 10_000,
    authorise: async () => ({ welcome }),
    ...options,
  });
const dial = (pipe: FramePipe, options: Partial<DialOptions> = {}) =>
  dialHandshake(pipe, {
    deadlineMs: 10_000,
    prove: () => ({ agentId: 'agent', signature }),
    epoch: 5n,
    software: 'test/1',
    ...options,
  });

/** One of the two ends, with the other one played by hand; a failure is kept so that no rejection is unhandled. */
function play(side: 'hub' | 'agent', options: Partial<AcceptOptions & DialOptions> = {}) {
  const peer = new ScriptedPeer();
  const pipe = new FramePipe(peer.transport);
  const outcome = (side === 'hub' ? accept(pipe, options) : dial(pipe, options)).catch(
    (error: unknown) => error,
  );
  return { peer, pipe, outcome };
}

describe.each([
  ['whole', whole],
  ['byte by byte', everyByte],
])('a handshake whose bytes arrive %s', (_name, cut) => {
  it('tells both ends who the other is and what they agreed on', async () => {
    const link = memoryPair(cut);
    const heard: Hello[] = [];
    const [accepted, dialled] = await Promise.all([
      accept(new FramePipe(link.acceptor), {
        authorise: async (said) => {
          heard.push(said);
          return { welcome };
        },
      }),
      dial(new FramePipe(link.dialer), {
        prove: ({ nonce, version }) => ({
          agentId: `v${version}`,
          signature: Buffer.concat([nonce, nonce]),
        }),
      }),
    ]);
    const expected = { ...hello, agentId: 'v1', signature: Buffer.concat([nonce, nonce]) };
    expect(heard).toEqual([expected]);
    expect(accepted).toEqual({ hello: expected, welcome });
    expect(dialled).toEqual({ welcome, version: 1 });
    await link.close();
  });
});

describe('the hub', () => {
  it('speaks first (P10)', async () => {
    const { peer } = play('hub');
    expect(peer.received).toEqual([challengeFrame()]);
  });

  it('welcomes an agent, and the messages are the golden ones', async () => {
    const { peer, outcome } = play('hub');
    peer.send(helloFrame());
    expect(await outcome).toEqual({ hello, welcome });
    expect(peer.received).toEqual([challengeFrame(), welcomeFrame]);
    expect(peer.state).toBe('open');
  });

  it('refuses with the reason it was given, and closes (P12)', async () => {
    const { peer, outcome } = play('hub', {
      authorise: async () => ({ refuse: 'unauthorised', message: 'enrol again' }),
    });
    peer.send(helloFrame());
    expect(await outcome).toMatchObject({
      code: 'handshake.refused',
      reason: 'unauthorised',
      message: 'enrol again',
    });
    expect(peer.received.at(-1)).toEqual(frames.goaway(4, 'enrol again'));
    expect(peer.state).toBe('closed');
  });

  it.each([0, 2, 65_535])('refuses version %i and says which it speaks (P13)', async (version) => {
    const { peer, outcome } = play('hub');
    peer.send(helloFrame({ version }));
    expect(await outcome).toMatchObject({
      code: 'handshake.refused',
      reason: 'version-unsupported',
    });
    expect(peer.received.at(-1)).toEqual(frames.goaway(5, 'this hub speaks version 1'));
    expect(peer.state).toBe('closed');
  });

  it('ends the link when the decision fails, and passes the failure on', async () => {
    const failure = new Error('the database is away');
    const { peer, outcome } = play('hub', { authorise: () => Promise.reject(failure) });
    peer.send(helloFrame());
    expect(await outcome).toBe(failure);
    expect(peer.state).toBe('closed');
  });

  it('hears of an agent that goes away while it decides', async () => {
    const verdict = Promise.withResolvers<{ welcome: Welcome }>();
    const { peer, outcome } = play('hub', { authorise: () => verdict.promise });
    peer.send(helloFrame());
    await settled();
    peer.vanish();
    verdict.resolve({ welcome });
    expect(await outcome).toMatchObject({ code: 'handshake.closed' });
  });

  it('keeps no more than 256 KiB of an agent about whom it has not decided', async () => {
    const verdict = Promise.withResolvers<{ welcome: Welcome }>();
    const { peer, outcome } = play('hub', { authorise: () => verdict.promise });
    peer.send(helloFrame());
    await settled();
    for (let sent = 0; sent < 100; sent += 1) peer.send(frames.data(1, Buffer.alloc(4000)));
    verdict.resolve({ welcome });
    expect(await outcome).toMatchObject({ code: 'protocol.handshake' });
    expect(peer.received.at(-1)).toEqual(frames.goaway(1, 'protocol.handshake'));
    expect(peer.receivedOf(0x12)).toEqual([]);
  });
});

describe('the agent', () => {
  it('says the slot of its link, what its origin speaks and what it wants to know', async () => {
    const said = { slot: 3, originProtocol: 'h2c', wantsClientAddress: true } as const;
    const { peer, outcome } = play('agent', said);
    peer.send(challengeFrame());
    await settled();
    expect(peer.received).toEqual([helloFrame(said)]);
    peer.send(welcomeFrame);
    expect(await outcome).toEqual({ welcome, version: 1 });
  });

  it('answers a challenge, and the messages are the golden ones', async () => {
    const { peer, outcome } = play('agent');
    expect(peer.received).toEqual([]);
    peer.send(challengeFrame());
    await settled();
    expect(peer.received).toEqual([helloFrame()]);
    expect(decodeHello(peer.received[0]?.payload ?? Buffer.alloc(0))).toEqual(hello);
    peer.send(welcomeFrame);
    expect(await outcome).toEqual({ welcome, version: 1 });
  });

  it('hears why it was refused, at every step', async () => {
    for (const before of [[], [challengeFrame()]]) {
      const { peer, outcome } = play('agent');
      peer.send(...before);
      await settled();
      peer.send(frames.goaway(3, 'removed by its owner'));
      expect(await outcome).toMatchObject({
        code: 'handshake.refused',
        reason: 'revoked',
        message: 'removed by its owner',
      });
      expect(peer.state).toBe('closed');
    }
  });

  it('closes when no version is common, and says who must update (P13)', async () => {
    const { peer, outcome } = play('agent');
    peer.send(challengeFrame(2, 3));
    expect(await outcome).toMatchObject({
      code: 'handshake.version',
      reason: undefined,
      message:
        "the hub speaks versions 2 to 3 of the tunnel's protocol, this agent version 1: update this agent",
    });
    expect([peer.received, peer.state]).toEqual([[], 'closed']);
  });

  it('picks the highest version of a range that both speak (P13)', async () => {
    const { peer, outcome } = play('agent');
    peer.send(challengeFrame(0, 7));
    await settled();
    peer.send(welcomeFrame);
    expect(await outcome).toMatchObject({ version: 1 });
  });
});

const sides = { hub: helloFrame(), agent: challengeFrame() };

describe.each(['hub', 'agent'] as const)('on the side of the %s', (side) => {
  const own = sides[side];
  const other = sides[side === 'hub' ? 'agent' : 'hub'];

  it.each([
    ['the other side’s message', other, 'protocol.handshake'],
    ['a welcome at once', welcomeFrame, 'protocol.handshake'],
    ['a ping', frames.ping(Buffer.alloc(8)), 'protocol.handshake'],
    ['data', frames.data(1, 'x'), 'protocol.handshake'],
    ['a frame of no known type', frame(9, 0), 'protocol.unknown-type'],
    ['a message cut short', { ...own, payload: own.payload.subarray(1) }, 'protocol.malformed'],
    ['an empty message', { ...own, payload: Buffer.alloc(0) }, 'protocol.malformed'],
  ])('%s instead of the expected message ends the link (P10)', async (_what, sent, code) => {
    const { peer, outcome } = play(side);
    peer.send(sent);
    expect(await outcome).toMatchObject({
      code,
      message: expect.stringMatching(/^(frame type \d+|malformed (hello|challenge)$)/),
    });
    expect(peer.received.at(-1)).toEqual(frames.goaway(1, code));
    expect(peer.state).toBe('closed');
  });

  it('a malformed later message ends the link as well', async () => {
    const { peer, outcome } = play('agent');
    peer.send(challengeFrame());
    await settled();
    peer.send(frame(0x12, 0));
    expect(await outcome).toMatchObject({
      code: 'protocol.malformed',
      message: 'malformed welcome',
    });
  });

  it('a link that closes is a failure with its cause', async () => {
    const { peer, outcome } = play(side);
    const cause = new Error('reset by peer');
    peer.vanish(cause);
    expect(await outcome).toMatchObject({
      code: 'handshake.closed',
      message: 'the connection closed',
      cause,
    });
  });

  it('a link that had closed, or broken the protocol, before the handshake is noticed at once', async () => {
    for (const [harm, code] of [
      [(peer: ScriptedPeer) => peer.vanish(), 'handshake.closed'],
      [(peer: ScriptedPeer) => peer.send(frame(9, 0)), 'protocol.unknown-type'],
    ] as const) {
      const peer = new ScriptedPeer();
      const pipe = new FramePipe(peer.transport);
      harm(peer);
      const outcome = side === 'hub' ? accept(pipe) : dial(pipe);
      await expect(outcome).rejects.toMatchObject({ code });
    }
  });

  describe('with a clock', () => {
    afterEach(() => void vi.useRealTimers());

    it('a peer that says nothing is given up at the deadline (P10)', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const { peer, outcome } = play(side);
      vi.advanceTimersByTime(9_999);
      expect(peer.state).toBe('open');
      vi.advanceTimersByTime(1);
      expect(peer.state).toBe('destroyed');
      expect(await outcome).toMatchObject({
        code: 'handshake.timeout',
        message: 'no answer to the handshake within 10000 ms',
      });
    });

    it('the deadline is for the whole of it: bytes do not move it', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const { peer, outcome } = play(side);
      for (const byte of everyByte(encodeFrames([own])).slice(0, 9)) {
        vi.advanceTimersByTime(1_100);
        peer.sendBytes(byte);
      }
      vi.advanceTimersByTime(100);
      expect(peer.state).toBe('destroyed');
      expect(await outcome).toMatchObject({ code: 'handshake.timeout' });
    });

    it('leaves no timer behind', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const { peer, outcome } = play(side);
      peer.vanish();
      await outcome;
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});

describe('between handshake and session', () => {
  it('frames behind WELCOME in the same chunk reach the session (P10)', async () => {
    const { peer, pipe, outcome } = await dialled();
    peer.send(welcomeFrame, frames.open(2), frames.dataEnd(2, 'hello'), frames.notice('n'));
    await outcome;
    const notices: string[] = [];
    const agent = endpoint(pipe, 'dialer', {
      onNotice: (payload) => void notices.push(payload.toString()),
    });
    const stream = await agent.nextStream();
    expect(String(stream.read())).toBe('hello');
    expect(notices).toEqual(['n']);
    agent.session.destroy();
  });

  it('what waits comes when the caller already holds the session', async () => {
    const { peer, pipe, outcome } = await dialled();
    peer.send(welcomeFrame, frames.open(2), frames.goaway(3, 'gone'));
    await outcome;
    let isHeld = false;
    const calls: boolean[] = [];
    const agent = endpoint(pipe, 'dialer', {
      onStream(stream) {
        stream.on('error', () => {});
        calls.push(isHeld);
      },
      onGoaway: () => void calls.push(isHeld),
    });
    isHeld = true;
    expect(await agent.ended).toMatchObject({ reason: 'revoked', message: 'gone' });
    expect(calls).toEqual([true, true]);
  });

  it('a violation behind WELCOME ends the session with a goaway, not by its ping deadline (P40)', async () => {
    const { peer, pipe, outcome } = await dialled();
    peer.send(welcomeFrame, frame(9, 0));
    await outcome;
    const agent = endpoint(pipe, 'dialer', {});
    expect(await agent.ended).toMatchObject({ reason: 'protocol-error' });
    expect(peer.received.at(-1)).toEqual(frames.goaway(1, 'protocol.unknown-type'));
    expect(peer.state).toBe('closed');
  });

  it('a peer that went away in between ends the session at once', async () => {
    const { peer, pipe, outcome } = await dialled();
    peer.send(welcomeFrame);
    await outcome;
    peer.vanish();
    const agent = endpoint(pipe, 'dialer', {});
    expect(await agent.ended).toMatchObject({
      reason: undefined,
      message: 'the connection closed',
    });
    expect(agent.session.isAccepting).toBe(false);
  });
});

/** An agent that has said HELLO and waits. */
async function dialled() {
  const played = play('agent');
  played.peer.send(challengeFrame());
  await settled();
  return played;
}
