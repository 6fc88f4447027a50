import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';

import { afterEach, describe, expect, test } from 'vitest';

import { seededRandom } from '../../../test/support/random.ts';
import {
  startNameServer,
  toBytes,
  withLength,
  type Answering,
  type NameServer,
} from '../../../test/support/name-server.ts';
import { txtValues } from './authoritative.ts';
import { DnsError } from './failure.ts';
import { ask, parseServer, type Question } from './query.ts';

const question: Question = { name: '_acme-challenge.example.org', type: 'TXT', isRecursive: false };
const txt = (value: string) => ({
  name: question.name,
  type: 'TXT' as const,
  ttl: 60,
  data: value,
});
const quick = { udpTimeoutMs: 150, udpAttempts: 2, tcpTimeoutMs: 300 };

const running: NameServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function serve(answering: Answering): Promise<NameServer> {
  const server = await startNameServer(answering);
  running.push(server);
  return server;
}

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

const calm = (): AbortSignal => AbortSignal.timeout(10_000);

describe('a question', () => {
  test('is answered over UDP', async () => {
    const server = await serve(() => ({ answers: [txt('one'), txt('two')] }));
    const reply = await ask(server, question, calm(), quick);
    expect(reply).toMatchObject({ rcode: 'NOERROR', isAuthoritative: true });
    expect(txtValues(reply.answers, question.name)).toEqual(['one', 'two']);
    expect(server.asked).toMatchObject([{ isTcp: false, isRecursive: false }]);
  });

  test('is asked again over TCP when the answer is too long for a datagram', async () => {
    const values = Array.from({ length: 200 }, (_, n) => txt(`value-${n}-${'x'.repeat(40)}`));
    const server = await serve(({ isTcp }) =>
      isTcp ? { answers: values } : { isTruncated: true, answers: [] },
    );
    const reply = await ask(server, question, calm(), quick);
    expect(reply.answers).toHaveLength(200);
  });

  test('is asked over TCP where UDP is swallowed', async () => {
    const server = await serve(({ isTcp }) => (isTcp ? { answers: [txt('one')] } : undefined));
    const reply = await ask(server, question, calm(), quick);
    expect(txtValues(reply.answers, question.name)).toEqual(['one']);
    expect(server.asked.map(({ isTcp }) => isTcp)).toEqual([false, false, true]);
  });

  test('survives the loss of its first datagram', async () => {
    let isFirst = true;
    const server = await serve(() => {
      const isLost = isFirst;
      isFirst = false;
      return isLost ? undefined : { answers: [txt('one')] };
    });
    await expect(ask(server, question, calm(), quick)).resolves.toMatchObject({ rcode: 'NOERROR' });
  });

  test('gives strings of one record as one value', async () => {
    const data = [Buffer.from('one '), Buffer.from('value')];
    const server = await serve(() => ({ answers: [{ ...txt(''), data }] }));
    const { answers } = await ask(server, question, calm(), quick);
    expect(txtValues(answers, question.name)).toEqual(['one value']);
  });

  test('ends at once when it is told to', async () => {
    const server = await serve(() => undefined);
    const stop = new AbortController();
    const work = ask(server, question, stop.signal, { ...quick, udpTimeoutMs: 60_000 });
    await expect.poll(() => server.asked.length).toBe(1);
    stop.abort(new Error('the hub stops'));
    await expect(work).rejects.toThrow('the hub stops');
  });
});

describe('an answer is not believed', () => {
  test.each<[string, Answering]>([
    [
      'with another id',
      (asked) => toBytes({ ...asked, id: asked.id ^ 1 }, { answers: [txt('forged')] }),
    ],
    [
      'to another name',
      (asked) => toBytes({ ...asked, name: 'example.net' }, { answers: [txt('forged')] }),
    ],
    ['to another type', (asked) => toBytes({ ...asked, type: 'A' }, { answers: [txt('forged')] })],
    [
      'that is a question itself',
      (asked) => {
        const bytes = toBytes(asked, {});
        bytes.writeUInt8(0, 2);
        return bytes;
      },
    ],
    ['cut in the middle', (asked) => toBytes(asked, { answers: [txt('forged')] }).subarray(0, 60)],
    [
      'that promises 65,535 records',
      (asked) => {
        const bytes = toBytes(asked, {});
        bytes.writeUInt16BE(0xffff, 6);
        return bytes;
      },
    ],
    ['of zero bytes', () => Buffer.alloc(0)],
    ['of eleven bytes', () => Buffer.alloc(11)],
  ])('%s', async (_, answering) => {
    const server = await serve((asked) => {
      const bytes = answering(asked) as Buffer;
      return asked.isTcp ? withLength(bytes) : bytes;
    });
    const error = await failureOf(ask(server, question, calm(), quick));
    expect(error.code).toBe('dns.bad-answer');
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
  });

  test('and the right one that comes behind it is', async () => {
    const server = await serve((asked) => [
      toBytes({ ...asked, id: asked.id ^ 1 }, { answers: [txt('forged')] }),
      Buffer.from('garbage'),
      toBytes(asked, { answers: [txt('genuine')] }),
    ]);
    const { answers } = await ask(server, question, calm(), quick);
    expect(txtValues(answers, question.name)).toEqual(['genuine']);
  });

  test('however many a forger sends', async () => {
    const server = await serve((asked) =>
      asked.isTcp
        ? { answers: [txt('genuine')] }
        : Array.from({ length: 200 }, (_, n) =>
            toBytes({ ...asked, id: (asked.id + 1 + n) & 0xffff }, { answers: [txt('forged')] }),
          ),
    );
    const { answers } = await ask(server, question, calm(), { ...quick, udpTimeoutMs: 5000 });
    expect(txtValues(answers, question.name)).toEqual(['genuine']);
  });

  test('whatever ten thousand mutated messages say, the client ends with an answer or an error of its own', async () => {
    const random = seededRandom(53);
    const server = await serve((asked) => {
      if (asked.isTcp) return withLength(random.bytes(random.below(64)));
      return Array.from({ length: 60 }, () => {
        const bytes = toBytes(asked, { answers: [txt('one'), txt('two')] });
        for (let flips = random.below(6); flips >= 0; flips -= 1)
          bytes[2 + random.below(bytes.length - 2)] = random.below(256);
        return bytes;
      });
    });
    for (let round = 0; round < 170; round += 1) {
      const outcome = await ask(server, question, calm(), quick).then(
        () => 'answer',
        (error: unknown) => (error instanceof DnsError ? 'error' : error),
      );
      expect(['answer', 'error']).toContain(outcome);
    }
  });
});

describe('a server', () => {
  test('that is silent is called silent, by address', async () => {
    const server = await serve(() => undefined);
    const error = await failureOf(ask(server, question, calm(), quick));
    expect(error.code).toBe('dns.unreachable');
    expect(error.message).toContain(`127.0.0.1:${server.port} did not answer`);
  });

  test('whose port is closed is told at once', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    holder.close();
    await once(holder, 'close');
    const startedAt = performance.now();
    const error = await failureOf(ask({ host: '127.0.0.1', port }, question, calm()));
    expect(error.code).toBe('dns.unreachable');
    expect(performance.now() - startedAt).toBeLessThan(1900);
  });

  test('that promises more than it sends over TCP is not waited for', async () => {
    const server = await serve(({ isTcp }) =>
      isTcp ? Buffer.from([0xff, 0xff, 1, 2, 3]) : undefined,
    );
    const error = await failureOf(ask(server, question, calm(), quick));
    expect(error.code).toBe('dns.unreachable');
  });

  test('that sends without end over TCP is cut at one message', async () => {
    const server = await serve(({ isTcp }) =>
      isTcp ? Buffer.alloc(10 * 1024 * 1024, 0xff) : undefined,
    );
    const error = await failureOf(ask(server, question, calm(), { ...quick, tcpTimeoutMs: 5000 }));
    expect(error.code).toBe('dns.bad-answer');
  });

  test('that cuts its answer short over TCP too is no name server', async () => {
    const server = await serve(() => ({ isTruncated: true }));
    const error = await failureOf(ask(server, question, calm(), quick));
    expect(error.code).toBe('dns.bad-answer');
  });

  test('that trickles its answer is not waited for byte by byte', async () => {
    const trickle = createServer((socket) => {
      socket.on('error', () => undefined);
      const timer = setInterval(() => socket.write(Buffer.of(0x40)), 50);
      socket.once('close', () => clearInterval(timer));
    }).listen(0, '127.0.0.1');
    await once(trickle, 'listening');
    const { port } = trickle.address() as AddressInfo;
    const error = await failureOf(ask({ host: '127.0.0.1', port }, question, calm(), quick));
    expect(error.code).toBe('dns.unreachable');
    trickle.close();
  });

  test('whose name leads nowhere is named', async () => {
    const error = await failureOf(ask({ host: 'nowhere.invalid', port: 53 }, question, calm()));
    expect(error.code).toBe('dns.unreachable');
    expect(error.message).toContain('nowhere.invalid');
  });
});

describe('the place of a server', () => {
  test.each([
    ['192.0.2.1', { host: '192.0.2.1', port: 53 }],
    ['192.0.2.1:5353', { host: '192.0.2.1', port: 5353 }],
    ['2001:db8::1', { host: '2001:db8::1', port: 53 }],
    ['[2001:db8::1]:5353', { host: '2001:db8::1', port: 5353 }],
    ['ns1.example.org', { host: 'ns1.example.org', port: 53 }],
    ['ns1.example.org:8053', { host: 'ns1.example.org', port: 8053 }],
  ])('%s is read', (text, place) => {
    expect(parseServer(text)).toEqual(place);
  });

  test.each([
    '',
    ':53',
    'a b',
    '192.0.2.1:0',
    '192.0.2.1:65536',
    '[192.0.2.1]:53',
    '[::1',
    'a:b:c',
  ])('"%s" is refused', (text) => {
    expect(() => parseServer(text)).toThrow(/write host or host:port/);
  });
});
