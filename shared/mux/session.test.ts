import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readAll, sessionPair, type SessionPair } from '../../test/support/sessions.ts';
import {
  everyByte,
  isMemoryOnly,
  memoryPair,
  transportKinds,
} from '../../test/support/transports.ts';
import type { TransportPair } from '../../test/support/transports.ts';
import { initialStreamWindowBytes, maxDataBytes, slabHeadroomBytes } from '../wire/limits.ts';
import type { SessionOptions } from './session.ts';
import { StreamError, type MuxStream } from './stream.ts';

let open: TransportPair[] = [];
afterEach(async () => {
  await Promise.all(open.map((pair) => pair.close()));
  open = [];
});

const kinds = {
  ...transportKinds,
  ...(isMemoryOnly ? {} : { 'memory, split at every byte': async () => memoryPair(everyByte) }),
};

describe.each(Object.entries(kinds))('a session over %s', (kind, makePair) => {
  async function start(options: Partial<SessionOptions> = {}): Promise<SessionPair> {
    const transports = await makePair();
    open.push(transports);
    return sessionPair(transports, options);
  }
  /** Splitting at every byte is 65,000 calls a frame: less will do. */
  const bulkBytes = kind.includes('every byte') ? 30_000 : 5_000_000;

  describe.each(['hub', 'agent'] as const)('with streams opened by the %s', (openerName) => {
    async function exchange(options?: Partial<SessionOptions>) {
      const pair = await start(options);
      const opener = pair[openerName];
      const other = pair[openerName === 'hub' ? 'agent' : 'hub'];
      const opened = opener.open();
      const accepted = await other.nextStream();
      return { pair, opener, other, opened, accepted };
    }

    it('carries bytes both ways, whole and in order, and ends each direction by itself', async () => {
      const { opened, accepted, opener, other } = await exchange();
      const [up, down] = [randomBytes(bulkBytes), randomBytes(bulkBytes)];
      opened.end(up);
      expect((await readAll(accepted)).equals(up)).toBe(true);
      // The other direction is still open behind the half-close.
      accepted.end(down);
      expect((await readAll(opened)).equals(down)).toBe(true);
      await finished(accepted);
      expect(opener.session.streamCount).toBe(0);
      expect(other.session.streamCount).toBe(0);
    });

    it('tells the peer why a stream was reset', async () => {
      const { opened, accepted, opener } = await exchange();
      const failure = once(opened, 'error') as Promise<[StreamError]>;
      accepted.reset('origin-unreachable');
      const [error] = await failure;
      expect(error).toMatchObject({ code: 'stream.reset', reason: 'origin-unreachable' });
      expect(opener.session.streamCount).toBe(0);
    });

    it('destroys every stream when the link is lost', async () => {
      const { opened, accepted, opener, other } = await exchange();
      const failures = [once(opened, 'error'), once(accepted, 'error')];
      opener.session.destroy();
      for (const failure of failures) {
        expect((await failure)[0]).toMatchObject({ code: 'stream.link-lost' });
      }
      await Promise.all([opener.ended, other.ended]);
    });

    it('holds the sender back when the reader stops, and lets the neighbours through', async () => {
      const { opened, accepted, opener, other } = await exchange();
      opened.write(randomBytes(initialStreamWindowBytes + 500_000));
      // The neighbour sends later and is read: it must arrive although the first one is stuck.
      const neighbour = opener.open();
      const payload = randomBytes(200_000);
      neighbour.end(payload);
      const acceptedNeighbour = await other.nextStream();
      expect((await readAll(acceptedNeighbour)).equals(payload)).toBe(true);
      expect(accepted.readableLength).toBeLessThanOrEqual(initialStreamWindowBytes);
      expect(opened.writableNeedDrain).toBe(true);
      // And the stuck one goes on as soon as it is read.
      let readBytes = 0;
      accepted.on('data', (chunk: Buffer) => (readBytes += chunk.length));
      await once(opened, 'drain');
      opened.end();
      await once(accepted, 'end');
      expect(readBytes).toBe(initialStreamWindowBytes + 500_000);
    });

    it('sends slabs without losing or repeating a byte and gives each back once', async () => {
      const { opened, accepted } = await exchange();
      const sent: Buffer[] = [];
      const returned = new Map<Buffer, number>();
      for (const length of [maxDataBytes, 10, 40_000, maxDataBytes, 9_000]) {
        const slab = Buffer.allocUnsafeSlow(slabHeadroomBytes + maxDataBytes);
        const payload = randomBytes(length);
        payload.copy(slab, slabHeadroomBytes);
        sent.push(payload);
        returned.set(slab, 0);
        opened.writeSlab(slab, length, () => returned.set(slab, (returned.get(slab) ?? 0) + 1));
      }
      opened.end();
      expect((await readAll(accepted)).equals(Buffer.concat(sent))).toBe(true);
      expect([...returned.values()]).toEqual([1, 1, 1, 1, 1]);
    });

    it('gives a slab back when the stream is destroyed before it was sent', async () => {
      const { opened } = await exchange();
      const slab = Buffer.alloc(slabHeadroomBytes + maxDataBytes);
      let given = 0;
      opened.writeSlab(slab, maxDataBytes, () => (given += 1));
      opened.reset('cancelled');
      opened.writeSlab(slab, 10, () => (given += 1));
      await once(opened, 'close');
      expect(given).toBe(2);
    });
  });

  it('returns credit on every way of reading: data, read() and iteration', async () => {
    const { hub, agent } = await start();
    const bytes = Math.min(bulkBytes, initialStreamWindowBytes * 4);
    const ways: ((stream: MuxStream) => Promise<number>)[] = [
      countByData,
      countByRead,
      countByIteration,
    ];
    for (const count of ways) {
      const stream = agent.open();
      stream.end(randomBytes(bytes));
      const accepted = await hub.nextStream();
      expect(await count(accepted)).toBe(bytes);
    }
  });

  it('drains: running streams finish, new ones are refused, both ends close behind the last', async () => {
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const heard = [second, first];
    const { hub, agent } = await start({ onGoaway: (reason) => heard.pop()?.resolve(reason) });
    const opened = hub.open();
    const accepted = await agent.nextStream();
    agent.session.goaway('draining', 'restarting');
    opened.end('question');
    expect((await readAll(accepted)).toString()).toBe('question');
    expect(await first.promise).toBe('draining');
    expect(() => hub.session.openStream()).toThrow(
      expect.objectContaining({ code: 'stream.refused' }),
    );
    accepted.end('answer');
    expect((await readAll(opened)).toString()).toBe('answer');
    expect((await hub.ended).reason).toBe('draining');
    expect((await agent.ended).reason).toBe('draining');
    expect(await second.promise).toBe('draining');
  });

  it('ends at once on any other goaway, and both ends know the reason', async () => {
    const { hub, agent } = await start();
    const opened = hub.open();
    const failure = once(opened, 'error');
    await agent.nextStream();
    hub.session.goaway('revoked', 'removed by its owner');
    expect(await hub.ended).toMatchObject({ reason: 'revoked' });
    expect(await agent.ended).toMatchObject({ reason: 'revoked', message: 'removed by its owner' });
    expect((await failure)[0]).toMatchObject({ code: 'stream.link-lost' });
  });

  it('carries a notice to the layer above', async () => {
    const received = Promise.withResolvers<string>();
    const { hub } = await start({ onNotice: (payload) => received.resolve(payload.toString()) });
    hub.session.notice(Buffer.from('new address'));
    expect(await received.promise).toBe('new address');
  });

  it('refuses a stream beyond the limit without harming the others', async () => {
    const { hub, agent } = await start({ maxStreams: 2 });
    const first = hub.open();
    hub.open();
    expect(() => hub.session.openStream()).toThrow(
      new StreamError('stream.refused', 'the session has 2 streams'),
    );
    const accepted = await agent.nextStream();
    accepted.end('still here');
    expect((await readAll(first)).toString()).toBe('still here');
  });
});

describe('a session whose peer falls silent', () => {
  it('ends by a probe, long before its next ping is due', async () => {
    const transports = memoryPair();
    const { agent } = sessionPair(transports, {});
    await vi.waitFor(() => expect(agent.session.rttMs).toBeDefined());
    transports.acceptor.onChunk = () => {};
    agent.session.probe(30);
    expect(await agent.ended).toMatchObject({ reason: 'ping-timeout' });
  });

  it('ends by its ping deadline', async () => {
    const transports = memoryPair();
    transports.acceptor.onChunk = () => {};
    const { agent, hub } = sessionPair(transports, { pingIntervalMs: 10, pingDeadlineMs: 30 });
    // The peer takes bytes and never answers: a line that was cut without a word.
    transports.acceptor.onChunk = () => {};
    // Neither end hears the other: whichever notices first closes the line under the other one.
    const first = await Promise.race([agent.ended, hub.ended]);
    expect(first).toMatchObject({ reason: 'ping-timeout' });
  });
});

async function countByData(stream: MuxStream): Promise<number> {
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(stream, 'end');
  return bytes;
}

async function countByRead(stream: MuxStream): Promise<number> {
  let bytes = 0;
  stream.on('readable', () => {
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
      bytes += (chunk as Buffer).length;
    }
  });
  await once(stream, 'end');
  return bytes;
}

async function countByIteration(stream: MuxStream): Promise<number> {
  return (await readAll(stream)).length;
}
