// DNS questions arrive by UDP and TCP on one loopback port; whatever a test wants to be said leaves, were it garbage.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

import { AUTHORITATIVE_ANSWER, decode, encode, TRUNCATED_RESPONSE, type Answer } from 'dns-packet';

import { listenOnBoth } from './dns-port.ts';

export interface AskedQuestion {
  readonly name: string;
  readonly type: string;
  readonly isRecursive: boolean;
  readonly isTcp: boolean;
  readonly id: number;
}

export interface Said {
  /** 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED. */
  readonly rcode?: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly isAuthoritative?: boolean;
  readonly isTruncated?: boolean;
}

/** Bytes leave as they are (over TCP with whatever length they begin with); undefined: silence. */
export type Answering = (question: AskedQuestion) => Buffer | readonly Buffer[] | Said | undefined;

export interface NameServer {
  readonly host: string;
  readonly port: number;
  readonly asked: AskedQuestion[];
  stop(): Promise<void>;
}

/** Several may share a port on different loopback addresses, as NS records carry none. */
export async function startNameServer(
  answering: Answering,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<NameServer> {
  const asked: AskedQuestion[] = [];
  const streams = new Set<Socket>();
  const answer = (bytes: Buffer, isTcp: boolean): Buffer[] => {
    const question = read(bytes, isTcp);
    asked.push(question);
    const said = answering(question);
    if (said === undefined) return [];
    if (Buffer.isBuffer(said)) return [said];
    if (Array.isArray(said)) return said as Buffer[];
    return [isTcp ? withLength(toBytes(question, said as Said)) : toBytes(question, said as Said)];
  };
  const tcp = createServer((socket) => {
    streams.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const bytes of answer(chunk.subarray(2), true)) socket.write(bytes);
    });
  });
  const udp = createSocket('udp4');
  udp.on('message', (bytes, from) => {
    for (const each of answer(bytes, false)) udp.send(each, from.port, from.address);
  });
  const place = { host, port: await listenOnBoth(tcp, udp, { host, port }) };
  return {
    ...place,
    asked,
    stop: async () => {
      for (const socket of streams) socket.destroy();
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

/** The whole message that a server of `Said` would send. */
export function toBytes(
  { name, type, id }: Omit<AskedQuestion, 'isRecursive' | 'isTcp'>,
  said: Said,
): Buffer {
  const {
    rcode = 0,
    answers = [],
    authorities = [],
    isAuthoritative = true,
    isTruncated = false,
  } = said;
  const flags =
    rcode | (isAuthoritative ? AUTHORITATIVE_ANSWER : 0) | (isTruncated ? TRUNCATED_RESPONSE : 0);
  return encode({
    type: 'response',
    id,
    flags,
    questions: [{ name, type: type as 'TXT' }],
    answers: [...answers],
    authorities: [...authorities],
  });
}

export function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Answers from records as a zone's server does: NODATA and NXDOMAIN, and a CNAME in place of what is asked. */
export function fromRecords(records: () => readonly Answer[]): Answering {
  return ({ name, type }) => {
    const here = records().filter((record) => record.name.toLowerCase() === name.toLowerCase());
    const aliases = type === 'CNAME' ? [] : here.filter((record) => record.type === 'CNAME');
    const answers = here.filter((record) => record.type === type);
    const exists = records().some(
      ({ name: other }) => other === name || other.endsWith(`.${name}`),
    );
    return { rcode: exists ? 0 : 3, answers: answers.length > 0 ? answers : aliases };
  };
}

function read(bytes: Buffer, isTcp: boolean): AskedQuestion {
  const { id = 0, flag_rd: isRecursive, questions = [] } = decode(bytes);
  const { name = '', type = '' } = questions[0] ?? {};
  return { id, name, type, isRecursive, isTcp };
}
