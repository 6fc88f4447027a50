import { Buffer } from 'node:buffer';
import { createSocket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { decode, encode, streamDecode, streamEncode, type Packet } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';

import { createLogger } from '../../../../shared/log.ts';
import { within } from '../../../../test/support/deadline.ts';
import { MemoryTxtRecordStore } from '../../../../test/support/memory-certificates.ts';
import { ask, type QuestionType, type Reply } from '../query.ts';
import { defaultResponderLimits, type ResponderLimits } from './limits.ts';
import { ResponderListenError } from './responder-thread.ts';
import { Responder, type ResponderOptions } from './responder.ts';
import type { ResponderSettings } from './settings.ts';

const settings: ResponderSettings = {
  listen: [{ host: '127.0.0.1', port: 0 }],
  zones: ['acme.hub.test', 'films.test'],
  nameServers: [{ name: 'ns1.acme.hub.test', addresses: ['192.0.2.1'] }],
  caa: [],
  texts: [],
  hosts: { names: [], domain: 'films.test', addresses: ['192.0.2.80'] },
};
const far = new Date(Date.now() + 3_600_000);
const dyingScript = new URL('../../../../test/support/dying-responder/main.ts', import.meta.url);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Started {
  readonly responder: Responder;
  readonly store: MemoryTxtRecordStore;
  readonly lines: { msg: string; err?: { message: string } }[];
  readonly port: number;
}

async function start(options: Partial<ResponderOptions> = {}): Promise<Started> {
  const store = new MemoryTxtRecordStore();
  const lines: Started['lines'] = [];
  const log = createLogger(
    { level: 'info', name: 'test' },
    { write: (line: string) => lines.push(JSON.parse(line) as Started['lines'][number]) },
  );
  const responder = await Responder.start({ settings, store, log, ...options });
  closers.push(() => responder.stop());
  return { responder, store, lines, port: responder.addresses[0]?.port ?? 0 };
}

async function asked(port: number, name: string, type: QuestionType = 'TXT'): Promise<Reply> {
  const server = { host: '127.0.0.1', port };
  return ask(server, { name, type, isRecursive: false }, AbortSignal.timeout(15_000));
}

function question(name = 'ns1.acme.hub.test'): Packet {
  return { type: 'query', id: 1, questions: [{ name, type: 'A' }] };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  closers.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Also by a reset. */
async function closed(socket: Socket): Promise<void> {
  await new Promise((resolve) => socket.once('close', resolve));
}

/** As many answers as were asked for, however they are cut. */
async function answersFrom(socket: Socket, count: number): Promise<Packet[]> {
  const answers: Packet[] = [];
  let held = Buffer.alloc(0);
  const read = async (): Promise<void> => {
    for await (const piece of socket.iterator({ destroyOnReturn: false })) {
      held = Buffer.concat([held, piece as Buffer]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        answers.push(streamDecode(held));
        held = held.subarray(2 + held.readUInt16BE(0));
      }
      if (answers.length >= count) return;
    }
  };
  await within(read(), 10_000, () => `${answers.length} of ${count} answers`);
  return answers;
}

function limits(changes: Partial<ResponderLimits>): ResponderLimits {
  return { ...defaultResponderLimits, ...changes };
}

describe('a responder', () => {
  it('answers over UDP with what the store has, and with what is put there later', async () => {
    const { responder, store, port } = await start();
    expect((await asked(port, '_acme-challenge.acme.hub.test')).rcode).toBe('NXDOMAIN');
    const record = { name: '_acme-challenge.acme.hub.test', value: 'proof' };
    await store.put(record, far);
    await responder.refresh();
    expect((await asked(port, record.name)).answers).toMatchObject([
      { data: [Buffer.from('proof')] },
    ]);
    await store.remove(record);
    await responder.refresh();
    expect((await asked(port, record.name)).rcode).toBe('NXDOMAIN');
  });

  it("keeps the operator's own records beside the proofs", async () => {
    const texts = [{ name: '_psl.films.test', value: 'https://example.org/request' }];
    const { port } = await start({ settings: { ...settings, texts } });
    expect((await asked(port, '_psl.films.test')).answers).toMatchObject([
      { data: [Buffer.from('https://example.org/request')] },
    ]);
  });

  it('hears of changes that other processes make', async () => {
    const { store, port } = await start();
    await store.put({ name: 'x.acme.hub.test', value: 'proof' }, far);
    await expect.poll(async () => (await asked(port, 'x.acme.hub.test')).rcode).toBe('NOERROR');
  });

  it('sees by itself that a record has expired', async () => {
    let now = Date.now();
    const store = new MemoryTxtRecordStore({ now: () => new Date(now) });
    await store.put({ name: 'x.acme.hub.test', value: 'proof' }, new Date(now + 1000));
    const { port } = await start({ store, times: { pollMs: 20, pingMs: 5000 } });
    expect((await asked(port, 'x.acme.hub.test')).rcode).toBe('NOERROR');
    now += 2000;
    await expect.poll(async () => (await asked(port, 'x.acme.hub.test')).rcode).toBe('NXDOMAIN');
  });

  it('goes on with what it knows while the store cannot be read', async () => {
    const { responder, store, port, lines } = await start({ times: { pollMs: 20, pingMs: 5000 } });
    await store.put({ name: 'x.acme.hub.test', value: 'proof' }, far);
    await responder.refresh();
    store.list = async () => Promise.reject(new Error('no database'));
    await expect.poll(() => lines.some(({ msg }) => msg.includes('could not be read'))).toBe(true);
    expect((await asked(port, 'x.acme.hub.test')).rcode).toBe('NOERROR');
  });

  it('sends what is too long for UDP over TCP', async () => {
    const { responder, store, port } = await start();
    for (let at = 0; at < 40; at += 1)
      await store.put({ name: 'x.acme.hub.test', value: `${at}`.padStart(43, 'v') }, far);
    await responder.refresh();
    expect((await asked(port, 'x.acme.hub.test')).answers).toHaveLength(40);
  });

  it('tells what it counted', async () => {
    const { responder, port } = await start({ times: { pollMs: 60_000, pingMs: 500 } });
    await asked(port, 'acme.hub.test');
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    socket.send(Buffer.from('no question'), port, '127.0.0.1');
    const counts = { asked: 2, answered: 1, limited: 0 };
    await expect.poll(() => responder.counts, { timeout: 10_000 }).toEqual(counts);
  });

  it('counts on over the death of its thread', async () => {
    const { responder, store, port, lines } = await start({
      threadScript: dyingScript,
      times: { pollMs: 60_000, pingMs: 500 },
    });
    for (let times = 0; times < 3; times += 1) await asked(port, 'acme.hub.test');
    await expect.poll(() => responder.counts.asked, { timeout: 10_000 }).toBe(3);
    await store.put({ name: 'die.acme.hub.test', value: 'throw' }, far);
    await expect
      .poll(() => lines.some(({ msg }) => msg.includes('answers again')), { timeout: 30_000 })
      .toBe(true);
    await asked(port, 'acme.hub.test');
    await expect.poll(() => responder.counts.asked, { timeout: 10_000 }).toBe(4);
  });

  it('says which address it cannot listen on, and leaves nothing open', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    closers.push(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const listen = [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port },
    ];
    const failure: unknown = await start({ settings: { ...settings, listen } }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ResponderListenError);
    expect(failure).toMatchObject({ refusal: { code: 'EADDRINUSE', place: { port } } });
  });

  it('frees its ports when it stops', async () => {
    const { responder, port } = await start();
    await responder.stop();
    const again = await start({ settings: { ...settings, listen: [{ host: undefined, port }] } });
    expect(again.port).toBe(port);
    expect((await asked(port, 'films.test', 'A')).answers).toHaveLength(1);
  });

  it.runIf(process.platform === 'linux')(
    'shares its port with the one that takes its place, and with no stranger',
    async () => {
      const { responder, port } = await start({ sharing: 'sharable' });
      const same = { ...settings, listen: [{ host: '127.0.0.1', port }] };
      await expect(start({ settings: same, sharing: 'sharable' })).rejects.toThrow('EADDRINUSE');
      await start({ settings: same, sharing: 'joining' });
      await responder.stop();
      expect((await asked(port, 'films.test', 'A')).answers).toHaveLength(1);
    },
  );
});

describe.runIf(process.platform === 'linux')('a port that may be shared', () => {
  it('is not shared with a stranger who has it for UDP alone', async () => {
    const stranger = createSocket({ type: 'udp4', reusePort: true } as SocketOptions);
    closers.push(() => stranger.close());
    stranger.bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    const listen = [{ host: '127.0.0.1', port: stranger.address().port }];
    const started = start({ settings: { ...settings, listen }, sharing: 'sharable' });
    await expect(started).rejects.toThrow('EADDRINUSE');
  });
});

describe('over UDP', () => {
  it('keeps the case of the question, and answers no answer', async () => {
    const { port } = await start();
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    const answers: Buffer[] = [];
    socket.on('message', (message) => answers.push(message));
    const answer = encode({ ...question(), type: 'response' });
    socket.send(answer, port, '127.0.0.1');
    socket.send(encode(question('nS1.AcMe.hUb.TeSt')), port, '127.0.0.1');
    await expect.poll(() => answers.length).toBe(1);
    expect(decode(answers[0] ?? Buffer.alloc(0))).toMatchObject({
      questions: [{ name: 'nS1.AcMe.hUb.TeSt' }],
      answers: [{ name: 'nS1.AcMe.hUb.TeSt', data: '192.0.2.1' }],
    });
  });

  it('gives a block that asks too much short answers, and TCP', async () => {
    const { port } = await start({ limits: limits({ answersBurst: 2, answersPerSecond: 0 }) });
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    const truncated: boolean[] = [];
    socket.on('message', (message) => truncated.push(decode(message).flag_tc));
    for (let times = 0; times < 6; times += 1) socket.send(encode(question()), port, '127.0.0.1');
    await expect.poll(() => truncated).toEqual([false, false, true, true]);
    const tcp = await dial(port);
    tcp.write(streamEncode(question()));
    expect(await answersFrom(tcp, 1)).toMatchObject([{ answers: [{ data: '192.0.2.1' }] }]);
  });
});

describe('over TCP', () => {
  it('answers many questions of one connection, in order, however they are cut', async () => {
    const { port } = await start();
    const socket = await dial(port);
    const octets = Buffer.concat([1, 2, 3].map((id) => streamEncode({ ...question(), id })));
    const answers = answersFrom(socket, 3);
    for (const octet of octets) socket.write(Buffer.from([octet]));
    expect((await answers).map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it('answers one who has nothing more to say', async () => {
    const { port } = await start();
    const socket = await dial(port);
    socket.end(Buffer.concat(Array.from({ length: 50 }, () => streamEncode(question()))));
    expect(await answersFrom(socket, 50)).toHaveLength(50);
    await within(closed(socket.resume()), 10_000, () => 'the end of the connection');
  });

  it.each([
    ['says nothing', Buffer.alloc(0)],
    ['sends half a length', Buffer.from([0])],
    ['sends half a question', streamEncode(question()).subarray(0, 20)],
  ])('closes in time on whoever %s', async (_, octets) => {
    const { port } = await start({ limits: limits({ idleMs: 200 }) });
    const socket = await dial(port);
    socket.resume();
    socket.write(octets);
    await within(closed(socket), 10_000, () => 'the end of the connection');
    expect((await asked(port, 'acme.hub.test', 'SOA')).answers).toHaveLength(1);
  });

  it.each([
    ['promises more than a question has', Buffer.from('ffff', 'hex')],
    ['sends an answer', streamEncode({ ...question(), type: 'response' })],
    ['sends an empty message', Buffer.from('0000', 'hex')],
  ])('closes at once on whoever %s', async (_, octets) => {
    const { port } = await start({ limits: limits({ idleMs: 60_000 }) });
    const socket = await dial(port);
    socket.resume();
    socket.write(octets);
    await within(closed(socket), 10_000, () => 'the end of the connection');
    expect((await asked(port, 'acme.hub.test', 'SOA')).answers).toHaveLength(1);
  });

  it('stays open for whoever goes on asking', async () => {
    const { port } = await start({ limits: limits({ idleMs: 1000 }) });
    const socket = await dial(port);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 2200) {
      socket.write(streamEncode(question()));
      expect(await answersFrom(socket, 1)).toHaveLength(1);
      // A beat of its own, not a wait for anything.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  it('takes no more than buffers hold from whoever asks and does not read, and closes', async () => {
    const { port } = await start({ limits: limits({ idleMs: 2000, questionsOfTurn: 100_000 }) });
    const socket = await dial(port);
    const many = Buffer.concat(Array.from({ length: 2000 }, () => streamEncode(question())));
    const pump = (): void => {
      while (!socket.destroyed && socket.write(many));
    };
    socket.on('drain', pump);
    pump();
    await within(closed(socket), 15_000, () => 'the end of the connection');
    // The kernel's two buffers grow to 10 MB together (tcp(7): tcp_wmem, tcp_rmem).
    expect(socket.bytesWritten).toBeLessThan(16 * 2 ** 20);
    expect((await asked(port, 'acme.hub.test', 'SOA')).answers).toHaveLength(1);
  });

  it('answers one connection no faster than its turns', async () => {
    const { port } = await start({ limits: limits({ questionsOfTurn: 2, turnMs: 60 }) });
    const socket = await dial(port);
    const startedAt = performance.now();
    socket.write(Buffer.concat(Array.from({ length: 10 }, () => streamEncode(question()))));
    await answersFrom(socket, 10);
    expect(performance.now() - startedAt).toBeGreaterThan(4 * 60 - 20);
  });

  it('gives the place of whoever waits longest to a newcomer', async () => {
    const { port } = await start({ limits: limits({ connections: 2, idleMs: 60_000 }) });
    const [first, second] = [await dial(port), await dial(port)];
    first.write(streamEncode(question()));
    await answersFrom(first, 1);
    second.resume();
    const gone = closed(second);
    await dial(port);
    await within(gone, 10_000, () => 'the end of the one that never asked');
    first.write(streamEncode(question()));
    expect(await answersFrom(first, 1)).toHaveLength(1);
  });

  it('gives one block of addresses no more than its share', async () => {
    const { port } = await start({ limits: limits({ connectionsPerBlock: 2 }) });
    const first = await dial(port);
    await dial(port);
    const third = await dial(port);
    third.resume();
    await within(closed(third), 10_000, () => 'the end of the third');
    first.write(streamEncode(question()));
    expect(await answersFrom(first, 1)).toHaveLength(1);
  });
});

describe('a thread that dies', () => {
  it.each([
    ['of an error', 'throw', 'as it was told', 60_000],
    ['of its memory', 'memory', 'memory limit', 60_000],
    ['of an endless loop, by our hand', 'stuck', 'it was stuck', 300],
  ])(
    '%s is born again with its records and its port, and the log says why',
    async (_, order, why, pingMs) => {
      const { store, port, lines } = await start({
        threadScript: dyingScript,
        times: { pollMs: 60_000, pingMs },
      });
      await store.put({ name: 'die.acme.hub.test', value: order }, far);
      await expect
        .poll(() => lines.find(({ msg }) => msg.includes('died'))?.err?.message, {
          timeout: 60_000,
        })
        .toContain(why);
      await expect
        .poll(() => lines.some(({ msg }) => msg.includes('answers again')), { timeout: 60_000 })
        .toBe(true);
      expect((await asked(port, 'die.acme.hub.test')).answers).toHaveLength(1);
    },
    130_000,
  );
});
