// A question and a name server's address arrive; what that server says leaves, over UDP or, when it is long or lost, TCP.

import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, isIP, isIPv6 } from 'node:net';

import { decode, encode, RECURSION_DESIRED, type Answer } from 'dns-packet';

import { DnsError } from './failure.ts';

export interface ServerAddress {
  /** An IP address, or a name that the machine itself can resolve. */
  readonly host: string;
  readonly port: number;
}

export type QuestionType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'NS' | 'SOA' | 'TXT';

export interface Question {
  readonly name: string;
  readonly type: QuestionType;
  /** True towards a resolver, false towards a zone's own server. */
  readonly isRecursive: boolean;
}

export interface Reply {
  /** `NOERROR`, `NXDOMAIN`, `REFUSED`, ... */
  readonly rcode: string;
  readonly isAuthoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
}

export interface QueryLimits {
  readonly udpTimeoutMs: number;
  readonly udpAttempts: number;
  readonly tcpTimeoutMs: number;
}

/** What resolvers themselves wait: a name server that needs longer is not used by anybody. */
const defaultLimits: QueryLimits = { udpTimeoutMs: 2000, udpAttempts: 2, tcpTimeoutMs: 5000 };

/** A forger has to guess port and number; one who is allowed to guess for ever will. */
const maxForeignDatagrams = 64;

/**
 * Asks one server. No EDNS is sent: what does not fit into 512 bytes comes truncated and is asked for over TCP, and no
 * middlebox has ever dropped such a question.
 * @throws DnsError `dns.unreachable`, `dns.bad-answer`
 */
export async function ask(
  server: ServerAddress,
  question: Question,
  signal: AbortSignal,
  limits: QueryLimits = defaultLimits,
): Promise<Reply> {
  signal.throwIfAborted();
  const host = await addressOf(server);
  for (let attempt = 0; attempt < limits.udpAttempts; attempt += 1) {
    const reply = await overUdp({ ...server, host }, question, limits.udpTimeoutMs, signal);
    signal.throwIfAborted();
    if (reply === 'truncated') break;
    if (reply !== undefined) return reply;
  }
  return overTcp({ ...server, host }, question, limits.tcpTimeoutMs, signal);
}

export function sameName(one: string, other: string): boolean {
  return plainName(one) === plainName(other);
}

export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** `192.0.2.1:53`, `[2001:db8::1]:53`. */
export function describeServer({ host, port }: ServerAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address. @throws DnsError `dns.misconfigured` */
export function parseServer(text: string, defaultPort = 53): ServerAddress {
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  const isBracketGood = match?.[1] === undefined || isIPv6(match[1]);
  if (host === undefined || !isBracketGood || port < 1 || port > 65_535) {
    throw new DnsError(
      'dns.misconfigured',
      `"${text}" is no name server: write host or host:port.`,
    );
  }
  return { host, port };
}

async function addressOf(server: ServerAddress): Promise<string> {
  if (isIP(server.host) !== 0) return server.host;
  try {
    return (await lookup(server.host)).address;
  } catch (cause) {
    const message = `The name server ${server.host} has no address: check its name in the settings.`;
    throw new DnsError('dns.unreachable', message, { cause });
  }
}

/** Undefined: nothing usable came in time. */
async function overUdp(
  server: ServerAddress,
  question: Question,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Reply | 'truncated' | undefined> {
  const id = randomInt(65_536);
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
  const { promise, resolve } = Promise.withResolvers<Reply | 'truncated' | undefined>();
  const giveUp = (): void => resolve(undefined);
  const timer = setTimeout(giveUp, timeoutMs);
  signal.addEventListener('abort', giveUp);
  let foreign = 0;
  socket.on('error', giveUp);
  socket.on('message', (bytes) => {
    const reply = readReply(bytes, id, question);
    if (reply !== undefined) resolve(reply);
    else if ((foreign += 1) >= maxForeignDatagrams) giveUp();
  });
  // A connected socket hears of closed ports, and of nobody but the server.
  socket.connect(server.port, server.host, (failure?: Error) => {
    if (failure !== undefined && failure !== null) return giveUp();
    socket.send(encodeQuestion(id, question), (error) => {
      if (error !== null) giveUp();
    });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    socket.close();
  }
}

async function overTcp(
  server: ServerAddress,
  question: Question,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Reply> {
  const id = randomInt(65_536);
  const bytes = await exchangeOverTcp(server, encodeQuestion(id, question), timeoutMs, signal);
  const reply = readReply(bytes, id, question);
  if (reply === undefined || reply === 'truncated') {
    const message = `What answers at ${describeServer(server)} is not a name server: it sent ${bytes.length} bytes that are no answer to the question.`;
    throw new DnsError('dns.bad-answer', message);
  }
  return reply;
}

/** One message there and one back (RFC 1035 §4.2.2); the two bytes of length bound what can come. @throws DnsError */
export async function exchangeOverTcp(
  server: ServerAddress,
  message: Buffer,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const fail = (why: string, cause?: unknown): void => {
    const text = `The name server ${describeServer(server)} ${why}.`;
    reject(new DnsError('dns.unreachable', text, { cause }));
  };
  const socket = connect({ host: server.host, port: server.port });
  const timer = setTimeout(() => fail(`did not answer within ${timeoutMs / 1000} s`), timeoutMs);
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  let received = Buffer.alloc(0);
  socket.on('error', (error) => fail(`cannot be reached (${error.message})`, error));
  socket.once('close', () => fail('closed the connection without an answer'));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
  });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  socket.write(Buffer.concat([length, message]));
  try {
    if (signal.aborted) abort();
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function encodeQuestion(id: number, { name, type, isRecursive }: Question): Buffer {
  const flags = isRecursive ? RECURSION_DESIRED : 0;
  return encode({ type: 'query', id, flags, questions: [{ name, type, class: 'IN' }] });
}

/** Undefined: not the answer to this question (RFC 5452 §9.1). */
function readReply(bytes: Buffer, id: number, question: Question): Reply | 'truncated' | undefined {
  try {
    // Who sent it is known by the header alone; hostile bytes of others are not even decoded.
    if (bytes.length < 12 || bytes.readUInt16BE(0) !== id || bytes.readUInt16BE(4) !== 1)
      return undefined;
    const isTruncated = (bytes.readUInt8(2) & 0x02) !== 0;
    if (isTruncated) return 'truncated';
    const packet = decode(bytes);
    const asked = packet.questions?.[0];
    const isOurs =
      packet.flag_qr && asked?.type === question.type && sameName(asked.name, question.name);
    if (!isOurs) return undefined;
    return {
      rcode: (packet as unknown as { rcode: string }).rcode,
      isAuthoritative: packet.flag_aa,
      answers: packet.answers ?? [],
      authorities: packet.authorities ?? [],
    };
  } catch {
    return undefined;
  }
}
