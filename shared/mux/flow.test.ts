import { Buffer } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import { encodeFrame, frames, type NaiveFrame } from '../../test/support/naive-codec.ts';
import { settled } from '../../test/support/scripted-peer.ts';
import { play, scriptedSession, sentOn } from '../../test/support/scripted-session.ts';

// The rules of PROTOCOL.md section 5, through a live session. The peer is played by hand.

const bytes = (length: number): Buffer => Buffer.alloc(length, 0x61);
const type = { data: 0, credit: 3, ack: 4, ping: 5 };
const payloadBytes = (sent: readonly NaiveFrame[]): number =>
  sent.reduce((sum, { payload }) => sum + payload.length, 0);

/** More than is copied into one chunk with others, less than a frame. */
const part = (letter: string): Buffer => Buffer.alloc(10_000, letter);

describe('flow', () => {
  it('P30: sends up to the initial window, then up to every CREDIT', async () => {
    const agent = await play('agent', { sendWindowBytes: 1000 });
    agent.peer.send(frames.open(2));
    agent.streams[0]?.write(bytes(3000));
    await settled();
    expect(payloadBytes(agent.peer.receivedOf(type.data))).toBe(1000);
    agent.peer.send(frames.credit(2, 1), frames.credit(2, 499));
    await settled();
    expect(payloadBytes(agent.peer.receivedOf(type.data))).toBe(1500);
    agent.peer.send(frames.credit(2, 2 ** 31 - 1));
    await settled();
    expect(payloadBytes(agent.peer.receivedOf(type.data))).toBe(3000);
    expect(agent.ends).toEqual([]);
  });

  it('gathers single bytes for a reader that pauses, so that they cost bytes and not objects', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    await settled();
    const [stream] = agent.streams;
    const pieces: number[] = [];
    stream?.on('data', (piece: Buffer) => pieces.push(piece.length));
    await settled();
    stream?.pause();
    for (let i = 0; i < 2000; i += 1) agent.peer.send(frames.data(2, bytes(1)));
    await settled();
    stream?.resume();
    await settled();
    expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(2000);
    expect(pieces.length).toBeLessThan(5);
  });

  it('P31: less than half a window read gives no CREDIT, not even one of nothing', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.data(2, bytes(10)));
    agent.streams[0]?.resume();
    await settled();
    expect(agent.peer.receivedOf(type.credit)).toEqual([]);
  });

  it('a writer who is told to wait can have what is full sent at once, within the same turn', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    await settled();
    const [stream] = agent.streams;
    const records = [1, 2, 3, 4, 5].map(() => stream?.write(bytes(16_384)));
    expect(records).toEqual([true, true, true, true, false]);
    expect(stream?.sendNow()).toBe(true);
    expect(stream?.writableLength).toBeLessThan(80 * 1024);
    await settled();
    expect(payloadBytes(agent.peer.receivedOf(type.data))).toBeGreaterThanOrEqual(60_000);
    expect(agent.ends).toEqual([]);
  });

  it('without credit nothing leaves at once, and the writer goes on waiting', async () => {
    const agent = await play('agent', { sendWindowBytes: 1000 });
    agent.peer.send(frames.open(2));
    await settled();
    const [stream] = agent.streams;
    expect(stream?.write(bytes(100_000))).toBe(false);
    expect([stream?.sendNow(), stream?.sendNow()]).toEqual([false, false]);
    await settled();
    expect(payloadBytes(agent.peer.receivedOf(type.data))).toBe(1000);
    stream?.destroy();
    expect(stream?.sendNow()).toBe(false);
  });

  it('P30: END needs no credit', async () => {
    const agent = await play('agent', { sendWindowBytes: 10 });
    agent.peer.send(frames.open(2));
    agent.streams[0]?.end(bytes(10));
    await settled();
    expect(sentOn(2, agent.peer.received)).toBe('aaaaaaaaaa END');
    agent.peer.send(frames.open(4));
    agent.streams[1]?.write(bytes(10));
    await settled();
    agent.streams[1]?.end();
    await settled();
    expect(agent.peer.received.at(-1)).toEqual(frames.dataEnd(4));
  });

  it('P30: takes exactly the window', async () => {
    const agent = await play('agent', { receiveWindowBytes: 1000 });
    agent.peer.send(frames.open(2), frames.data(2, bytes(999)), frames.dataEnd(2, 'x'));
    expect(agent.ends).toEqual([]);
  });

  it('P31: credit returns when the reader takes the bytes, not when they arrive', async () => {
    const agent = await play('agent', { receiveWindowBytes: 10_000 });
    agent.peer.send(frames.open(2), frames.data(2, bytes(10_000)));
    await settled();
    expect(agent.peer.received).toEqual([]);
    agent.streams[0]?.resume();
    await settled();
    expect(agent.peer.received).toEqual([frames.credit(2, 10_000)]);
  });

  it('P31: no credit for a stream whose peer has ended', async () => {
    const agent = await play('agent', { receiveWindowBytes: 10_000 });
    agent.peer.send(frames.open(2), frames.dataEnd(2, bytes(10_000)));
    agent.streams[0]?.resume();
    await settled();
    expect(agent.peer.receivedOf(type.credit)).toEqual([]);
  });

  it('P31: a reader that stops gets no more than its window and its own buffer', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    const [stream] = agent.streams;
    let [sentBytes, grantedBytes] = [0, 256 * 1024];
    // One read makes the stream fill its buffer; then nobody reads.
    stream?.read(1);
    for (let turn = 0; turn < 100 && sentBytes < grantedBytes; turn += 1) {
      const piece = bytes(Math.min(60_000, grantedBytes - sentBytes));
      agent.peer.send(frames.data(2, piece));
      sentBytes += piece.length;
      await settled();
      const granted = agent.peer.receivedOf(type.credit);
      grantedBytes =
        256 * 1024 + granted.reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
    }
    expect(sentBytes).toBe(grantedBytes);
    expect(sentBytes).toBeLessThanOrEqual(256 * 1024 + 2 * 65_536);
  });

  it('P32: a window grows when half of it is read within two round trips', async () => {
    const agent = await play('agent', { receiveWindowBytes: 10_000 });
    agent.session.destroy();
    const measured = scriptedSession('agent', { receiveWindowBytes: 10_000 });
    await settled();
    measured.clock.nowMs += 20;
    const [sentPing] = measured.peer.receivedOf(type.ping);
    measured.peer.send(frames.pong(sentPing?.payload ?? bytes(8)));
    expect(measured.session.rttMs).toBe(20);
    measured.peer.send(frames.open(2), frames.data(2, bytes(5000)));
    measured.clock.nowMs += 39;
    measured.streams[0]?.resume();
    await settled();
    expect(measured.peer.receivedOf(type.credit)).toEqual([frames.credit(2, 15_000)]);
  });

  it('P33: acknowledges on receipt, at the end of the frame that makes 16 KiB', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.data(2, bytes(16_383)));
    await settled();
    expect(agent.peer.received).toEqual([]);
    const last = encodeFrame(frames.data(2, bytes(3)));
    agent.peer.sendBytes(last.subarray(0, 10));
    await settled();
    expect(agent.peer.received).toEqual([]);
    agent.peer.sendBytes(last.subarray(10));
    await vi.waitFor(() => expect(agent.peer.received).toEqual([frames.ack(16_386)]));
    // 128 KiB do not wait for the millisecond in which more may come.
    agent.peer.send(frames.data(2, bytes(65_000)), frames.data(2, bytes(65_000)));
    agent.peer.send(frames.data(2, bytes(1_072)));
    await settled();
    expect(agent.peer.received.at(-1)).toEqual(frames.ack(131_072));
  });

  it('P33: an ACK of exactly what was sent is right, headers not counted', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    agent.streams[0]?.write(bytes(100));
    await settled();
    expect(agent.session.inFlightBytes).toBe(100);
    agent.peer.send(frames.ack(100));
    expect([agent.ends, agent.session.inFlightBytes]).toEqual([[], 0]);
    agent.peer.send(frames.ack(1));
    expect(agent.ends).toMatchObject([{ error: { code: 'protocol.flow-control' } }]);
  });

  it('P34: what is not acknowledged is bounded, and every ACK lets more go', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    agent.streams[0]?.write(bytes(200_000));
    await settled();
    const first = payloadBytes(agent.peer.receivedOf(type.data));
    expect(first).toBeLessThanOrEqual(65_536);
    expect(first).toBeGreaterThan(40_000);
    agent.clock.nowMs += 1;
    agent.peer.send(frames.ack(first));
    await settled();
    expect(payloadBytes(agent.peer.receivedOf(type.data))).toBeGreaterThan(first);
  });

  it('P35: all but DATA goes ahead of DATA that waits', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.open(4));
    agent.streams[0]?.write(bytes(200_000));
    await settled();
    agent.peer.chunks.length = 0;
    agent.peer.send(frames.ping(bytes(8)));
    agent.streams[1]?.reset('idle-timeout');
    agent.session.notice(Buffer.from('n'));
    await settled();
    expect(agent.peer.received).toEqual([
      frames.pong(bytes(8)),
      frames.reset(4, 6),
      frames.notice('n'),
    ]);
  });

  it('P36: a stream that was quiet goes ahead of one that fills the line', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.open(4));
    agent.streams[0]?.write(bytes(200_000));
    await settled();
    agent.peer.chunks.length = 0;
    agent.streams[1]?.write('small');
    agent.clock.nowMs += 1;
    agent.peer.send(frames.ack(agent.session.inFlightBytes));
    await settled();
    const ids = agent.peer.receivedOf(type.data).map(({ streamId }) => streamId);
    expect(ids[0]).toBe(4);
    expect(ids.slice(1)).toContain(2);
  });
});

describe('what is written', () => {
  it('goes out as it was, and stays as it was', async () => {
    const hub = await play('hub');
    const stream = hub.open();
    const own = part('a');
    stream.write(own);
    await settled();
    expect(sentOn(stream.id, hub.peer.received)).toBe('a'.repeat(10_000));
    expect(own).toEqual(part('a'));
  });

  it('goes out in order, and is told of once, where several writes wait together', async () => {
    const hub = await play('hub');
    const stream = hub.open();
    const written = vi.fn<(error?: Error | null) => void>();
    stream.cork();
    for (const letter of ['a', 'b', 'c']) stream.write(part(letter), written);
    stream.uncork();
    await settled();
    const expected = Buffer.concat([part('a'), part('b'), part('c')]).toString();
    expect(sentOn(stream.id, hub.peer.received)).toBe(expected);
    expect([hub.failures, written.mock.calls]).toEqual([[], [[null], [null], [null]]]);
  });

  it('may wait together when its stream is given up', async () => {
    const hub = await play('hub', { sendWindowBytes: 1 });
    const stream = hub.open();
    stream.cork();
    for (const letter of ['a', 'b', 'c']) stream.write(part(letter));
    stream.uncork();
    await settled();
    stream.destroy();
    await settled();
    expect([hub.failures, stream.destroyed, hub.session.streamCount]).toEqual([[], true, 0]);
  });

  it('does not mislead about the delay of the line by an END alone', async () => {
    const hub = await play('hub', { sendWindowBytes: 2 ** 24 });
    const [short, long] = [hub.open(), hub.open()];
    short.write(bytes(20_000));
    await settled();
    hub.clock.nowMs += 50;
    short.end();
    await settled();
    hub.clock.nowMs += 10;
    hub.peer.send(frames.ack(20_000));

    // 60 ms again and again are no queue: the line takes more each time, or as much as the most.
    long.write(bytes(2 ** 22));
    await settled();
    for (let round = 0; round < 6; round += 1) {
      const filledBytes = hub.session.inFlightBytes;
      hub.clock.nowMs += 60;
      hub.peer.send(frames.ack(filledBytes));
      await settled();
      expect(hub.session.inFlightBytes).toBeGreaterThan(filledBytes);
    }
  });
});

describe('turns of the event loop', () => {
  it('everything small that happens in one turn leaves as one chunk', async () => {
    const hub = await play('hub');
    for (let stream = 0; stream < 50; stream += 1) hub.open().write('GET / HTTP/1.1\r\n\r\n');
    expect(hub.peer.chunks).toEqual([]);
    await settled();
    expect(hub.peer.chunks).toHaveLength(1);
    expect(hub.peer.received).toHaveLength(100);
  });

  it('an ACK is sent without anything else to send', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.data(2, bytes(20_000)));
    await vi.waitFor(() => expect(agent.peer.receivedOf(type.ack)).toHaveLength(1));
  });
});
