import { Buffer } from 'node:buffer';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  encodeFrame,
  encodeFrames,
  frame,
  frames,
  type NaiveFrame,
} from '../../test/support/naive-codec.ts';
import { hostileCases, seededRandom, type Random } from '../../test/support/random.ts';
import { ScriptedPeer, settled } from '../../test/support/scripted-peer.ts';
import { play } from '../../test/support/scripted-session.ts';
import { endpoint, readAll, type SessionEndpoint } from '../../test/support/sessions.ts';
import { memoryPair } from '../../test/support/transports.ts';
import { ProtocolError } from '../errors.ts';
import { FramePipe } from './frame-pipe.ts';
import { acceptHandshake, dialHandshake } from './handshake.ts';
import { Session, type SessionEnd } from './session.ts';

const bytes = (length: number): Buffer => Buffer.alloc(length, 0x61);
/** A session costs a hundred times what a decoder does, so fewer of them: 10,000 in a second or two. */
const sessionCases = hostileCases / 10;
/** A million when there is time, some thousands in a mutation run. */
const floodFrames = hostileCases >= 100_000 ? 2 ** 20 : 2 ** 13;

/** The same frames again and again, in chunks as large as a message may be. */
async function flood(
  peer: ScriptedPeer,
  count: number,
  make: () => readonly NaiveFrame[],
): Promise<void> {
  const perChunk = Math.floor((128 * 1024) / encodeFrames(make()).length) * make().length;
  for (let sent = 0; sent < count && peer.state === 'open'; sent += perChunk) {
    peer.sendBytes(Buffer.concat(Array(perChunk / make().length).fill(encodeFrames(make()))));
    await new Promise(setImmediate);
  }
}

describe('a peer that floods', () => {
  it('a closed stream with RESET, CREDIT and DATA costs nothing and gets no answer but ACK', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2), frames.reset(2, 1));
    await flood(agent.peer, floodFrames, () => [frames.reset(2, 1)]);
    await flood(agent.peer, floodFrames, () => [frames.credit(2, 0xffff_ffff)]);
    expect(agent.peer.received).toEqual([]);
    await flood(agent.peer, floodFrames / 8, () => [frames.data(2, 'x')]);
    expect(agent.ends).toEqual([]);
    expect(agent.session.streamCount).toBe(0);
    expect(agent.peer.received.every(({ type }) => type === 4)).toBe(true);
    // Still a working session.
    agent.peer.send(frames.open(4), frames.dataEnd(4, 'hello'));
    expect(String(agent.streams[1]?.read())).toBe('hello');
  });

  it('PING without reading the answers ends as overloaded, with bounded bytes waiting (P35)', async () => {
    const agent = await play('agent');
    agent.peer.stopReading();
    await flood(agent.peer, 2 ** 20, () => [frames.ping(bytes(8))]);
    expect(agent.ends).toMatchObject([{ reason: 'overloaded', message: 'answers are not read' }]);
    expect(agent.peer.received.at(-1)).toEqual(frames.goaway(7, 'answers are not read'));
    // The bound, and what one chunk of pings adds before it is looked at.
    expect(agent.peer.receivedBytes).toBeLessThan(256 * 1024 + 2 * 128 * 1024);
  });

  it('PING and reads the answers is served', async () => {
    const agent = await play('agent');
    await flood(agent.peer, 2 ** 15, () => [frames.ping(bytes(8))]);
    await settled();
    expect(agent.ends).toEqual([]);
    expect(agent.peer.receivedBytes).toBeGreaterThanOrEqual(2 ** 15 * 16);
  });

  it('OPEN beyond the limit without reading the refusals ends as overloaded', async () => {
    const agent = await play('agent', { maxStreams: 1 });
    agent.peer.stopReading();
    for (let id = 2; agent.peer.state === 'open' && id < 2 ** 20; id += 2000) {
      agent.peer.send(...Array.from({ length: 1000 }, (_, at) => frames.open(id + 2 * at)));
      await new Promise(setImmediate);
    }
    expect(agent.ends).toMatchObject([{ reason: 'overloaded' }]);
    expect(agent.session.streamCount).toBe(0);
    expect(agent.streams).toHaveLength(1);
    expect(agent.peer.receivedBytes).toBeLessThan(256 * 1024 + 64 * 1024);
  });

  it.each([
    ['and reads nothing ends as overloaded, with two windows waiting (P34)', 'deaf'],
    ['as he reads it gets all of it', 'honest'],
  ])('ACK for all that it is sent, %s', async (_how, kind) => {
    const hub = await play('hub');
    const stream = hub.open();
    hub.peer.send(frames.credit(stream.id, 2 ** 30));
    if (kind === 'deaf') hub.peer.stopReading();
    const piece = bytes(2 ** 20);
    let [sent, acked] = [0, 0];
    for (; hub.ends.length === 0 && sent < 100 * 2 ** 20; sent += piece.length) {
      stream.write(piece);
      while (acked < sent + piece.length && hub.ends.length === 0) {
        await new Promise(setImmediate);
        const now = hub.session.inFlightBytes;
        hub.peer.send(frames.ack(now));
        acked += now;
      }
    }
    const expected = kind === 'deaf' ? [{ reason: 'overloaded' }] : [];
    expect(hub.ends).toMatchObject(expected);
    const mebibytes = hub.peer.receivedBytes / 2 ** 20;
    expect(kind === 'deaf' ? mebibytes < 35 : mebibytes > 100).toBe(true);
  });

  it('one byte per frame to a reader that stopped: memory is that of the window, and the next byte ends it', async () => {
    const window = 64 * 1024;
    const agent = await play('agent', { receiveWindowBytes: window });
    agent.peer.send(frames.open(2));
    const single = encodeFrame(frames.data(2, 'x'));
    for (let sent = 0; sent < window; sent += 1) agent.peer.sendBytes(Buffer.from(single));
    const [stream] = agent.streams;
    agent.peer.send(frames.notice('still here'));
    expect(agent.notices).toEqual(['still here']);
    agent.peer.send(frames.data(2, 'z'));
    expect(agent.ends).toMatchObject([{ error: { code: 'protocol.flow-control' } }]);
    expect(stream?.readableLength ?? 0).toBe(0);
  });

  it('one byte per frame is read as the same bytes, in few chunks', async () => {
    const agent = await play('agent');
    agent.peer.send(frames.open(2));
    for (let sent = 0; sent < 40_000; sent += 1) {
      agent.peer.send(frames.data(2, Buffer.from([sent & 0xff])));
    }
    agent.peer.send(frames.dataEnd(2));
    const chunks: Buffer[] = [];
    for await (const chunk of agent.streams[0] ?? []) chunks.push(chunk as Buffer);
    const all = Buffer.concat(chunks);
    expect(all).toHaveLength(40_000);
    expect(all.every((byte, at) => byte === (at & 0xff))).toBe(true);
    expect(chunks.length).toBeLessThan(20);
  });

  it('a flood of empty and optional frames changes nothing', async () => {
    const agent = await play('agent');
    const sent = [frame(0x80, 5, bytes(100)), frames.notice(''), frames.ack(0)];
    await flood(agent.peer, floodFrames / 8, () => sent);
    expect([agent.ends, agent.peer.received]).toEqual([[], []]);
  });

  it('streams opened and reset at once leave nothing behind', async () => {
    const agent = await play('agent');
    for (let id = 2; id < floodFrames / 128; id += 2) {
      agent.peer.send(frames.open(id), frames.data(id, 'x'), frames.reset(id, 1));
    }
    await settled();
    expect([agent.session.streamCount, agent.ends]).toEqual([0, []]);
    expect(agent.streams.every((stream) => stream.destroyed)).toBe(true);
  });
});

describe('random bytes and mutated streams', () => {
  it(
    'make a live session throw nothing, and end it by goaway or not at all',
    { timeout: 60_000 },
    async () => {
      const random = seededRandom(7);
      const outcomes = { running: 0, violated: 0, left: 0 };
      for (let round = 0; round < sessionCases; round += 1) {
        const stream = round % 4 === 0 ? random.bytes(1 + random.below(40)) : mutatedStream(random);
        outcomes[await feed(stream, random)] += 1;
        // Sessions send at the end of a turn: lets them.
        if (round % 500 === 0) await new Promise(setImmediate);
      }
      await settled();
      // All three happen often, so the cases reach deep.
      expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(sessionCases / 100);
    },
  );
});

/** One session, one hostile stream in two chunks. */
async function feed(stream: Buffer, random: Random): Promise<'running' | 'violated' | 'left'> {
  const peer = new ScriptedPeer();
  const ends: SessionEnd[] = [];
  const pipe = new FramePipe(peer.transport);
  const session = new Session(pipe, {
    role: 'dialer',
    receiveWindowBytes: 100,
    sendWindowBytes: 100,
    pingIntervalMs: 60_000,
    pingDeadlineMs: 60_000,
    maxStreams: 4,
    onStream: (opened) =>
      void opened
        .on('error', () => {})
        .resume()
        .end('answer'),
    onClosed: (end) => ends.push(end),
  });
  const cut = random.below(stream.length + 1);
  peer.sendBytes(stream.subarray(0, cut));
  // The first part waits in the pipe until the session has begun.
  await Promise.resolve();
  peer.sendBytes(stream.subarray(cut));
  return conclude(session, peer, ends);
}

function conclude(
  session: Session,
  peer: ScriptedPeer,
  ends: readonly SessionEnd[],
): 'running' | 'violated' | 'left' {
  const [end] = ends;
  session.destroy();
  if (end === undefined) return 'running';
  if (end.error === undefined) return 'left';
  if (!(end.error instanceof ProtocolError)) throw end.error;
  const last = peer.received.at(-1);
  if (last === undefined || !last.payload.equals(goawayPayload(end.error))) {
    throw new Error('a violation without its goaway');
  }
  return 'violated';
}

function goawayPayload(error: ProtocolError): Buffer {
  return frames.goaway(1, error.code).payload;
}

function mutatedStream(random: Random): Buffer {
  const id = () => random.pick([1, 2, 2, 2, 4, 6, 0xffff_fffe]);
  const parts = Array.from({ length: 1 + random.below(6) }, () =>
    random.pick([
      () => frames.open(id()),
      () => frames.data(id(), bytes(1 + random.below(60))),
      () => frames.dataEnd(id()),
      () => frames.credit(id(), random.below(2 ** 31)),
      () => frames.reset(id(), random.below(9)),
      () => frames.ping(random.bytes(8)),
      () => frames.pong(random.bytes(8)),
      () => frames.ack(random.below(3)),
      () => frames.goaway(random.below(10), 'bye'),
      () => frames.notice('n'),
      () => frame(0x90, id(), bytes(3)),
    ])(),
  );
  const stream = encodeFrames([frames.open(2), ...parts]);
  if (random.below(2) === 0) stream[random.below(stream.length)] = random.below(256);
  return stream;
}

describe('behind a real handshake', () => {
  const pairs: SessionEndpoint[] = [];
  afterEach(() => {
    for (const { session } of pairs.splice(0)) session.destroy();
  });

  /** Hub and agent, and the agent's raw end to misuse. */
  async function connected() {
    const link = memoryPair();
    onTestFinished(() => link.close());
    const [hubPipe, agentPipe] = [new FramePipe(link.acceptor), new FramePipe(link.dialer)];
    const welcome = {
      initialWindowBytes: 262_144,
      pingIntervalMs: 15_000,
      pingDeadlineMs: 10_000,
      addresses: [],
      maxLinks: 1,
      highestResetCode: 8,
    };
    await Promise.all([
      acceptHandshake(hubPipe, {
        nonce: bytes(32),
        deadlineMs: 10_000,
        authorise: async () => ({ welcome }),
      }),
      dialHandshake(agentPipe, {
        deadlineMs: 10_000,
        prove: () => ({ agentId: 'a', signature: bytes(64) }),
        epoch: 1n,
        software: 'x',
      }),
    ]);
    const [hub, agent] = [endpoint(hubPipe, 'acceptor', {}), endpoint(agentPipe, 'dialer', {})];
    pairs.push(hub, agent);
    return { hub, agent, link };
  }

  it('an agent that turns hostile loses its own session; the hub and its other agents go on', async () => {
    const random = seededRandom(11);
    const neighbour = await connected();
    const film = neighbour.hub.open();
    const origin = await neighbour.agent.nextStream();
    for (let round = 0; round < 60; round += 1) {
      const { hub, agent, link } = await connected();
      const visitor = hub.open();
      await agent.nextStream();
      const failed = new Promise((resolve) => visitor.once('error', resolve));
      link.dialer.send(Buffer.concat([random.bytes(random.below(200)), encodeFrame(frame(8, 0))]));
      // Random bytes may begin a long frame that never ends: more of them end it.
      link.dialer.send(Buffer.alloc(70_000, 8));
      expect((await hub.ended).reason).toMatch(/protocol-error|internal|revoked|replaced/);
      expect(await failed).toMatchObject({ code: 'stream.link-lost' });
      await agent.ended;
      origin.write(`${round},`);
    }
    origin.end();
    const expected = Array.from({ length: 60 }, (_, round) => `${round},`).join('');
    expect(String(await readAll(film))).toBe(expected);
    expect(neighbour.hub.session.isAccepting).toBe(true);
  });
});
