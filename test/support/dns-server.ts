// Records arrive from a test; a resolver on loopback leaves that knows nothing else, answers over UDP and TCP, and can be made to misbehave.

import { randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { AUTHORITATIVE_ANSWER, decode, encode, RECURSION_AVAILABLE, type Answer } from 'dns-packet';

export type RecordKind = 'A' | 'AAAA' | 'CNAME' | 'TXT';

/** `truncated` for ever, over TCP too; `foreign`: the answer to another question. */
export type Misbehaviour = 'silent' | 'garbage' | 'servfail' | 'refused' | 'truncated' | 'foreign';

const rcodes = { servfail: 2, nxdomain: 3, refused: 5 } as const;
const truncatedFlag = 0x0200;

export class TestDns {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #records = new Map<string, Map<RecordKind, readonly string[]>>();
  readonly #faults = new Map<string, Misbehaviour>();
  /** `TXT _phlix.films.example.org`, in the order of arrival. */
  readonly asked: string[] = [];

  static async start(): Promise<TestDns> {
    // A port that is free for both: the kernel hands one out for TCP, and UDP tries the same.
    for (;;) {
      const dns = new TestDns();
      try {
        await dns.#listen();
        return dns;
      } catch (error) {
        await dns.stop();
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
    }
  }

  private constructor() {
    this.#udp = createSocket('udp4');
    this.#udp.on('error', () => undefined);
    this.#udp.on('message', (bytes, { port, address }) => {
      const answer = this.#answer(bytes);
      if (answer !== undefined) this.#udp.send(answer, port, address);
    });
    this.#tcp = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const answer = this.#answer(bytes.subarray(2));
        if (answer === undefined) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.end(Buffer.concat([length, answer]));
      });
    });
  }

  get port(): number {
    return (this.#tcp.address() as AddressInfo).port;
  }

  /** `127.0.0.1:5353`, as settings want it. */
  get server(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** In place of what the name had of this kind; none: the record set is gone. */
  set(name: string, kind: RecordKind, ...values: readonly string[]): void {
    const kinds = this.#records.get(name) ?? new Map<RecordKind, readonly string[]>();
    if (values.length > 0) kinds.set(kind, values);
    else kinds.delete(kind);
    if (kinds.size > 0) this.#records.set(name, kinds);
    else this.#records.delete(name);
  }

  /** For every question about names that end so; undefined: it behaves again. */
  misbehave(suffix: string, how: Misbehaviour | undefined): void {
    if (how === undefined) this.#faults.delete(suffix);
    else this.#faults.set(suffix, how);
  }

  async stop(): Promise<void> {
    // It throws when it was not bound.
    try {
      this.#udp.close();
    } catch {}
    await new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve());
    });
  }

  async #listen(): Promise<void> {
    this.#tcp.listen(0, '127.0.0.1');
    await once(this.#tcp, 'listening');
    const bound = once(this.#udp, 'listening');
    this.#udp.bind(this.port, '127.0.0.1');
    await bound;
  }

  #answer(bytes: Buffer): Buffer | undefined {
    const packet = decode(bytes);
    const [question] = packet.questions ?? [];
    if (question === undefined) return undefined;
    const name = question.name.toLowerCase();
    this.asked.push(`${question.type} ${name}`);
    const fault = [...this.#faults].find(([suffix]) => name.endsWith(suffix))?.[1];
    if (fault === 'silent') return undefined;
    if (fault === 'garbage') return Buffer.concat([bytes.subarray(0, 2), randomBytes(200)]);
    const isForeign = fault === 'foreign';
    const { answers, exists } = this.#find(name, question.type);
    const rcode =
      fault === 'servfail' || fault === 'refused' ? rcodes[fault] : exists ? 0 : rcodes.nxdomain;
    return encode({
      type: 'response',
      id: packet.id ?? 0,
      flags:
        AUTHORITATIVE_ANSWER |
        RECURSION_AVAILABLE |
        rcode |
        (fault === 'truncated' ? truncatedFlag : 0),
      questions: [isForeign ? { ...question, name: 'elsewhere.example' } : question],
      answers: fault === undefined || isForeign ? answers : [],
    });
  }

  /** As a resolver does: through aliases, with all of the chain. */
  #find(asked: string, type: string): { answers: Answer[]; exists: boolean } {
    const answers: Answer[] = [];
    let name = asked;
    for (let hops = 0; hops < 8; hops += 1) {
      const kinds = this.#kindsOf(name);
      if (kinds === undefined) return { answers, exists: false };
      const values = kinds.get(type as RecordKind) ?? [];
      for (const data of values) {
        answers.push({ type: type as 'A', name, ttl: 0, data });
      }
      const alias = kinds.get('CNAME')?.[0];
      if (values.length > 0 || alias === undefined || type === 'CNAME') break;
      answers.push({ type: 'CNAME', name, ttl: 0, data: alias });
      name = alias;
    }
    return { answers, exists: true };
  }

  /** Also by `*.` one level up. A name that only has others below it exists (RFC 8020). */
  #kindsOf(name: string): ReadonlyMap<RecordKind, readonly string[]> | undefined {
    const own = this.#records.get(name);
    if (own !== undefined) return own;
    const isBetween = [...this.#records.keys()].some((other) => other.endsWith(`.${name}`));
    if (isBetween) return new Map();
    return this.#records.get(`*${name.slice(name.indexOf('.'))}`);
  }
}
