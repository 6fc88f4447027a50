import { Buffer } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import { encodeFrame, frame, frames, type NaiveFrame } from '../../test/support/naive-codec.ts';
import { settled } from '../../test/support/scripted-peer.ts';
import { play, sentOn } from '../../test/support/scripted-session.ts';
import { everyByte } from '../../test/support/transports.ts';
import { resetCode } from '../wire/codes.ts';

// Each rule of PROTOCOL.md that a peer can break or rely on, through a live session. The peer is played by hand.

const bytes = (length: number): Buffer => Buffer.alloc(length, 0x61);
const type = { open: 1, reset: 2 };

/** With a window of 1000 bytes and stream 2 open. */
const broken: [rule: string, what: string, code: string, sent: NaiveFrame[]][] = [
  ['P4', 'a RESET of 5 bytes', 'protocol.too-large', [frame(type.reset, 2, bytes(5))]],
  ['P4', 'a PING of 7 bytes', 'protocol.malformed', [frames.ping(bytes(7))]],
  ['P5', 'a flag without a name', 'protocol.malformed', [{ ...frames.data(2, 'x'), flags: 4 }]],
  ['P6', 'an unknown type', 'protocol.unknown-type', [frame(0x13, 0)]],
  ['P7', 'a CREDIT without a stream', 'protocol.stream-id', [frames.credit(0, 1)]],
  ['P7', 'a NOTICE on a stream', 'protocol.stream-id', [frame(7, 2)]],
  ['P8', 'DATA without anything', 'protocol.malformed', [frames.data(2, '')]],
  ['P10', 'a handshake message in the session', 'protocol.handshake', [frame(0x12, 0)]],
  ['P20', 'an OPEN of the wrong parity', 'protocol.stream-id', [frames.open(3)]],
  ['P20', 'an OPEN of the same id', 'protocol.stream-id', [frames.open(2)]],
  ['P20', 'an OPEN of a lower id', 'protocol.stream-id', [frames.open(8), frames.open(6)]],
  [
    'P20',
    'an OPEN of an id that is over',
    'protocol.stream-id',
    [frames.reset(2, 1), frames.open(2)],
  ],
  ['P20', 'DATA of a stream never opened', 'protocol.stream-id', [frames.data(4, 'x')]],
  ['P20', 'CREDIT of a stream never opened', 'protocol.stream-id', [frames.credit(4, 1)]],
  ['P20', 'RESET of a stream never opened', 'protocol.stream-id', [frames.reset(4, 1)]],
  ['P20', 'DATA of a stream that we never opened', 'protocol.stream-id', [frames.data(1, 'x')]],
  ['P24', 'DATA behind END', 'protocol.stream-state', [frames.dataEnd(2), frames.data(2, 'x')]],
  ['P24', 'END behind END', 'protocol.stream-state', [frames.dataEnd(2, 'x'), frames.dataEnd(2)]],
  ['P30', 'one byte more than the window', 'protocol.flow-control', [frames.data(2, bytes(1001))]],
  [
    'P30',
    'one byte more than the window, in two frames',
    'protocol.flow-control',
    [frames.data(2, bytes(1000)), frames.dataEnd(2, 'x')],
  ],
  ['P30', 'credit past 2^31 - 1', 'protocol.flow-control', [frames.credit(2, 2 ** 31 - 1000)]],
  ['P33', 'an ACK for more than was sent', 'protocol.flow-control', [frames.ack(1)]],
];

describe.each(broken)('%s: %s', (_rule, _what, code, sent) => {
  const options = { receiveWindowBytes: 1000, sendWindowBytes: 1000 };

  it(`ends the session with ${code}, and only it (P40)`, async () => {
    const [agent, neighbour] = [await play('agent', options), await play('agent', options)];
    agent.peer.send(frames.open(2));
    agent.peer.send(...sent);
    expect(agent.ends).toMatchObject([{ reason: 'protocol-error', error: { code } }]);
    expect(agent.peer.received.at(-1)).toEqual(frames.goaway(1, code));
    expect(agent.peer.state).toBe('closed');
    expect(agent.session.streamCount).toBe(0);
    await settled();
    neighbour.peer.send(frames.ping(bytes(8)));
    await settled();
    expect(neighbour.peer.received).toEqual([frames.pong(bytes(8))]);
  });

  it('also byte by byte', async () => {
    const agent = await play('agent', options);
    for (const part of [frames.open(2), ...sent]) {
      for (const byte of everyByte(encodeFrame(part))) agent.peer.sendBytes(byte);
    }
    expect(agent.ends).toMatchObject([{ reason: 'protocol-error', error: { code } }]);
  });
});

describe('what ends a session ends it for good', () => {
  it('frames behind a violation in the same chunk have no effect (P40)', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frame(0x13, 0), frames.open(4), frames.notice('late'));
    await settled();
    expect(agent.streams.map(({ id }) => id)).toEqual([2]);
    expect([agent.notices, agent.ends.length]).toEqual([[], 1]);
    expect(agent.failures).toMatchObject([
      { code: 'stream.link-lost', cause: { code: 'protocol.unknown-type' } },
    ]);
    expect(agent.peer.received).toEqual([frames.goaway(1, 'protocol.unknown-type')]);
  });

  it('frames behind a goaway in the same chunk have no effect (P51)', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.goaway(3), frames.open(2), frames.notice('late'), frame(0x13, 0));
    await settled();
    expect([agent.streams, agent.notices]).toEqual([[], []]);
    expect(agent.ends).toMatchObject([{ reason: 'revoked', error: undefined }]);
    expect(agent.peer.received).toEqual([]);
  });

  it('its owner cannot send on it any more', async () => {
    const hub = await play('hub');
    hub.session.goaway('replaced');
    hub.session.notice(bytes(4000));
    for (let more = 0; more < 20; more += 1) hub.session.notice(bytes(4000));
    hub.session.goaway('revoked');
    hub.session.destroy(new Error('late'));
    hub.peer.vanish();
    await settled();
    expect(hub.peer.received).toEqual([frames.goaway(2)]);
    expect(hub.ends).toEqual([{ reason: 'replaced', message: '', error: undefined }]);
    expect(hub.session.isAccepting).toBe(false);
    expect(() => hub.session.openStream()).toThrow(
      expect.objectContaining({ code: 'stream.refused' }),
    );
  });
});

describe('frames', () => {
  it('P2: message boundaries have no meaning', async () => {
    const agent = await play('agent');
    const sent = [frames.open(2), frames.data(2, 'ab'), frames.notice('n'), frames.dataEnd(2, 'c')];
    for (const byte of everyByte(Buffer.concat(sent.map(encodeFrame)))) agent.peer.sendBytes(byte);
    const [stream] = agent.streams;
    expect([String(stream?.read()), agent.notices]).toEqual(['abc', ['n']]);
  });

  it('P6: types from 80 up are skipped', async () => {
    const agent = await play('agent');
    agent.peer.send(frame(0x80, 0, bytes(16_384)), { ...frame(0xff, 77), flags: 0xff });
    agent.peer.send(frames.notice('still here'));
    expect([agent.notices, agent.ends]).toEqual([['still here'], []]);
  });

  it('P4: OPEN may carry 1024 reserved bytes, which mean nothing', async () => {
    const agent = await play('agent');
    agent.peer.send(frame(type.open, 2, bytes(1024)));
    expect(agent.streams).toHaveLength(1);
  });
});

describe('streams', () => {
  it('P20: the hub’s ids are even, the agent’s odd, and they rise', async () => {
    for (const [side, ids] of [
      ['hub', [2, 4, 6]],
      ['agent', [1, 3, 5]],
    ] as const) {
      const { peer, ...own } = await play(side);
      for (const id of ids) expect(own.open().id).toBe(id);
      await settled();
      expect(peer.received).toEqual(ids.map((id) => frames.open(id)));
    }
  });

  it('P20: a peer may skip ids', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(4), frames.open(0xffff_fffe));
    expect(agent.streams.map(({ id }) => id)).toEqual([4, 0xffff_fffe]);
  });

  it('P21: an agent that opens a stream ends its session', async () => {
    const hub = await play('hub');
    hub.peer.send(frames.open(1));
    expect(hub.ends).toMatchObject([
      { error: { code: 'protocol.stream-id' }, message: 'the peer may not open stream 1' },
    ]);
  });

  it('P25: what the agent still sent on a stream that the hub gave up is dropped', async () => {
    const hub = await play('hub');
    const stream = hub.open();
    await settled();
    stream.destroy();
    const { id } = stream;
    hub.peer.send(frames.data(id, 'late'), frames.credit(id, 1), frames.reset(id, 1));
    await settled();
    expect(hub.ends).toEqual([]);
  });

  it('P10: whoever reads the log is told which frame came after the handshake', async () => {
    const agent = await play('agent');
    agent.peer.send(frame(0x12, 0));
    expect(agent.ends).toMatchObject([{ message: 'frame type 18 after the handshake' }]);
  });

  it('P20: a hub’s frame for an agent’s stream that was never opened ends the session, and so the reverse', async () => {
    const hub = await play('hub');
    hub.open();
    hub.peer.send(frames.credit(2, 1));
    expect(hub.ends).toEqual([]);
    hub.peer.send(frames.credit(4, 1));
    expect(hub.ends).toMatchObject([{ error: { code: 'protocol.stream-id' } }]);
    const other = await play('hub');
    other.peer.send(frames.data(1, 'x'));
    expect(other.ends).toMatchObject([{ error: { code: 'protocol.stream-id' } }]);
  });

  it('P22: DATA may follow OPEN at once, both ways', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.data(2, 'question'));
    expect(String(agent.streams[0]?.read())).toBe('question');
    const hub = await play('hub');
    hub.open().write('question');
    await settled();
    expect(hub.peer.received).toEqual([frames.open(2), frames.data(2, 'question')]);
    // One chunk: a small request costs one TLS record.
    expect(hub.peer.chunks).toHaveLength(1);
  });

  it('P23: each direction ends by itself, and the stream is over when both have', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.dataEnd(2, 'question'));
    const [stream] = agent.streams;
    stream?.resume();
    await settled();
    expect(agent.session.streamCount).toBe(1);
    stream?.write('ans');
    await settled();
    stream?.end('wer');
    await settled();
    expect(sentOn(2, agent.peer.received)).toBe('answer END');
    expect(agent.session.streamCount).toBe(0);
    expect(stream?.destroyed).toBe(true);
    expect(agent.failures).toEqual([]);
  });

  it('P23: END alone, when there is nothing left to carry it', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    const [stream] = agent.streams;
    stream?.end();
    await settled();
    expect(agent.peer.received).toEqual([frames.dataEnd(2)]);
    expect(agent.session.streamCount).toBe(1);
    agent.peer.send(frames.dataEnd(2));
    expect(agent.session.streamCount).toBe(0);
  });

  it('P24: CREDIT behind END is dropped', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.dataEnd(2), frames.credit(2, 1000));
    const own = await play('agent');
    own.peer.send(frames.open(2));
    own.streams[0]?.end();
    await settled();
    own.peer.send(frames.credit(2, 1000));
    expect([agent.ends, own.ends]).toEqual([[], []]);
  });

  it('P25: frames for a stream that is over are dropped', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.open(4));
    agent.streams[0]?.reset('cancelled');
    agent.peer.send(frames.reset(4, 1));
    for (const id of [2, 4]) {
      agent.peer.send(frames.data(id, 'late'), frames.credit(id, 2 ** 31), frames.dataEnd(id));
      agent.peer.send(frames.reset(id, 1), frames.data(id, 'later'));
    }
    await settled();
    expect(agent.peer.received).toEqual([frames.reset(2, 1)]);
    expect(agent.ends).toEqual([]);
  });

  it('P25: the bytes of a stream that is over count for ACK', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.reset(2, 1), frames.data(2, bytes(16_384)));
    await vi.waitFor(() => expect(agent.peer.received).toEqual([frames.ack(16_384)]));
  });

  it('P26: a stream beyond what is allowed is refused, and may be tried again', async () => {
    const agent = await play('agent', { maxStreams: 1 });
    agent.peer.send(frames.open(2), frames.open(4), frames.dataEnd(4, 'dropped'));
    await settled();
    expect(agent.peer.received).toEqual([frames.reset(4, 2)]);
    expect(agent.streams).toHaveLength(1);
    agent.peer.send(frames.reset(2, 1), frames.open(6));
    expect(agent.streams.map(({ id }) => id)).toEqual([2, 6]);
  });

  it('P26: streams of both ends count', async () => {
    const agent = await play('agent', { maxStreams: 2 });
    agent.open();
    agent.peer.send(frames.open(2), frames.open(4));
    await settled();
    expect(agent.peer.receivedOf(type.reset)).toEqual([frames.reset(4, 2)]);
    expect(() => agent.session.openStream()).toThrow('the session has 2 streams');
  });

  it.each(Object.entries(resetCode))('P27: %s is %i, both ways', async (reason, code) => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.open(4), frames.reset(2, code));
    await settled();
    expect(agent.failures).toMatchObject([{ code: 'stream.reset', reason }]);
    agent.streams[1]?.reset(reason as keyof typeof resetCode);
    await settled();
    expect(agent.peer.received).toEqual([frames.reset(4, code)]);
    expect(agent.session.streamCount).toBe(0);
  });

  it('P27: an unknown code reads as internal', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.reset(2, 99));
    await settled();
    expect(agent.failures).toMatchObject([{ reason: 'internal' }]);
  });

  it('P23: RESET drops what was not read', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.data(2, 'unread'), frames.reset(2, 1));
    const [stream] = agent.streams;
    const seen: unknown[] = [];
    stream?.on('data', (chunk) => seen.push(chunk)).on('end', () => seen.push('end'));
    await settled();
    expect([seen, stream?.destroyed]).toEqual([[], true]);
  });

  it.each([
    ['hub', 0xffff_fffc],
    ['agent', 0xffff_fffd],
  ] as const)('P28: a %s whose ids run out drains', async (side, last) => {
    const played = await play(side, { firstStreamId: last - 2 });
    expect(played.open().id).toBe(last - 2);
    expect(played.session.isAccepting).toBe(true);
    expect(played.open().id).toBe(last);
    expect(played.session.isAccepting).toBe(false);
    await settled();
    expect(played.peer.received.at(-1)).toEqual(frames.goaway(0, 'stream ids are used up'));
    expect(played.session.streamCount).toBe(2);
  });
});
