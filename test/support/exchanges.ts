// A visitor that records its answer and an origin whose bytes the test writes by hand, with a real session of streams between them.

import { Buffer } from 'node:buffer';
import type { Duplex, Readable } from 'node:stream';
import type { EdgeFailureCode } from '../../hub/edge/failure.ts';
import { forward, type ForwardOptions } from '../../hub/edge/forward.ts';
import type { Link, Tunnel } from '../../hub/edge/stream-pool.ts';
import type { FieldLines, VisitorRequest, VisitorResponse } from '../../hub/edge/visitor.ts';
import type { StreamError } from '../../shared/mux/stream.ts';
import type { MuxStream } from '../../shared/mux/stream.ts';
import { sessionPair, type SessionPair } from './sessions.ts';
import { memoryPair } from './transports.ts';

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

export function visitorRequest(changes: Partial<VisitorRequest> = {}): VisitorRequest {
  return {
    id: '019a5b3c-0000-7000-8000-000000000001',
    method: 'GET',
    target: '/film.mp4',
    hostname: 'movies.test',
    authority: 'movies.test:8443',
    fields: ['accept', '*/*'],
    clientAddress: '203.0.113.9',
    scheme: 'https',
    httpVersion: '1.1',
    body: undefined,
    wantsPage: false,
    ...changes,
  };
}

export const withBody = (stream: Readable, length?: number): Partial<VisitorRequest> => ({
  method: 'POST',
  body: { stream, length },
});

/** Takes every byte at once unless told to be slow. */
export class RecordingVisitor implements VisitorResponse {
  readonly interims: [number, FieldLines][] = [];
  status = 0;
  fields: FieldLines = [];
  body = '';
  writes = 0;
  trailers: FieldLines | undefined;
  isSlow = false;
  isHeadSent = false;
  outcome: 'ended' | 'destroyed' | undefined;
  onDrain = (): void => undefined;
  onAborted = (): void => undefined;
  readonly #waiting: { until: () => boolean; resolve: () => void }[] = [];

  information(status: number, fields: FieldLines): void {
    this.interims.push([status, fields]);
    this.#changed();
  }

  head(status: number, fields: FieldLines): void {
    if (this.isHeadSent) throw new Error('a second head');
    this.isHeadSent = true;
    this.status = status;
    this.fields = fields;
    this.#changed();
  }

  write(chunk: Buffer): boolean {
    if (!this.isHeadSent || this.outcome !== undefined) throw new Error('bytes out of order');
    this.body += chunk.toString('latin1');
    this.writes += 1;
    this.#changed();
    return !this.isSlow;
  }

  end(trailers?: FieldLines): void {
    if (this.outcome !== undefined) throw new Error('a second end');
    this.trailers = trailers;
    this.outcome = 'ended';
    this.#changed();
  }

  destroy(): void {
    this.outcome = 'destroyed';
    this.#changed();
  }

  get code(): EdgeFailureCode | undefined {
    return this.body.startsWith('{') ? JSON.parse(this.body).code : undefined;
  }

  field(name: string): string | undefined {
    const at = this.fields.findIndex((field, i) => i % 2 === 0 && field === name);
    return at === -1 ? undefined : this.fields[at + 1];
  }

  /** Resolves once the condition holds; the suite's own deadline is the limit. */
  async when(until: () => boolean): Promise<void> {
    if (until()) return;
    await new Promise<void>((resolve) => this.#waiting.push({ until, resolve }));
  }

  done(): Promise<void> {
    return this.when(() => this.outcome !== undefined);
  }

  #changed(): void {
    for (const { until, resolve } of this.#waiting) if (until()) resolve();
  }
}

/** The origin's end of one stream, read and written by hand. */
export class ScriptedOrigin {
  readonly stream: MuxStream;
  received = '';
  hasEnded = false;
  /** Why the hub gave the stream up. */
  readonly reset: Promise<string | undefined>;

  constructor(stream: MuxStream) {
    this.stream = stream;
    this.reset = new Promise((resolve) => {
      stream.once('error', (error: StreamError) => resolve(error.reason));
    });
    stream.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    stream.on('end', () => (this.hasEnded = true));
  }

  async heard(pattern: RegExp | string): Promise<void> {
    const isHeard = () =>
      typeof pattern === 'string' ? this.received.includes(pattern) : pattern.test(this.received);
    while (!isHeard()) await once(this.stream);
  }

  answer(...chunks: string[]): void {
    for (const chunk of chunks) this.stream.write(bytes(chunk));
  }
}

/** Next 'data' or 'end' of a stream. */
function once(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    stream.once('data', () => resolve());
    stream.once('end', () => resolve());
  });
}

/** A tunnel of two real sessions in memory: what the edge opens, the test accepts. */
export class TestTunnel implements Tunnel, Link {
  readonly links = [this];
  readonly awaitedMs = 0;
  readonly pair: SessionPair = sessionPair(memoryPair());
  readonly retirement = new AbortController();
  readonly retired = this.retirement.signal;
  opened = 0;

  get streamCount(): number {
    return this.pair.hub.session.streamCount;
  }

  get inFlightBytes(): number {
    return this.pair.hub.session.inFlightBytes;
  }

  openStream(): MuxStream {
    this.opened++;
    return this.pair.hub.session.openStream();
  }

  async accept(): Promise<ScriptedOrigin> {
    return new ScriptedOrigin(await this.pair.agent.nextStream());
  }

  async nextLink(): Promise<Link> {
    return this;
  }

  forward(changes: Partial<VisitorRequest> = {}, options?: ForwardOptions): RecordingVisitor {
    const visitor = new RecordingVisitor();
    forward(visitorRequest(changes), visitor, this, options);
    return visitor;
  }

  /** A whole exchange that leaves its stream in the pool. */
  async warm(): Promise<ScriptedOrigin> {
    const visitor = this.forward();
    const origin = await this.accept();
    await origin.heard('\r\n\r\n');
    origin.answer('HTTP/1.1 204 No Content\r\n\r\n');
    await visitor.done();
    origin.received = '';
    return origin;
  }
}

/** Resolves when a number has not changed over many turns of the event loop. */
export async function quiet(value: () => number): Promise<void> {
  for (let turns = 0, last = NaN; turns < 50; turns++) {
    if (value() !== last) turns = 0;
    last = value();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
