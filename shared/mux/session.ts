// A live mux on a link: frames of the peer arrive and become streams; what streams have to send leaves in the scheduler's order.

import type { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { ProtocolError } from '../errors.ts';
import {
  flag,
  frameType,
  goawayCode,
  goawayReason,
  resetCode,
  resetCodeFor,
  resetReason,
  type GoawayReason,
  type ResetReason,
} from '../wire/codes.ts';
import type { FrameHeader } from '../wire/frame.ts';
import { maxNoticeBytes, maxStreamId, windowGrowthBudgetBytes } from '../wire/limits.ts';
import type { FramePipe } from './frame-pipe.ts';
import { decodeGoaway, encodeGoaway } from './goaway.ts';
import { Keepalive } from './keepalive.ts';
import { LinkWindow } from './link-window.ts';
import { GrowthBudget, ReceiveWindow } from './receive-window.ts';
import { Receipts } from './receipts.ts';
import { Scheduler } from './scheduler.ts';
import { SendStalls, Wait } from './stalls.ts';
import { MuxStream, StreamError, type StreamCarrier } from './stream.ts';

/** How a session ended: `reason` is what was said in a goaway by either end, `error` what broke. */
export interface SessionEnd {
  readonly reason: GoawayReason | undefined;
  readonly message: string;
  readonly error: Error | undefined;
}

export interface SessionOptions {
  /** The dialler's streams have odd ids, the acceptor's even ones. */
  readonly role: 'dialer' | 'acceptor';
  /** What the peer may send on a stream before our first credit: what we told it in the handshake. Bytes. */
  readonly receiveWindowBytes: number;
  /** What we may send before the peer's first credit: what it told us. Bytes. */
  readonly sendWindowBytes: number;
  /** The peer knows the RESET codes up to this one; all that this program knows, if left out. */
  readonly highestResetCode?: number;
  readonly pingIntervalMs: number;
  readonly pingDeadlineMs: number;
  /** Shared with other sessions of the same peer; absent: this one's own. */
  readonly growth?: GrowthBudget;
  /** How often and how long bytes waited to be sent. Shared by sessions that are counted together; absent: nobody asks. */
  readonly stalls?: SendStalls | undefined;
  /** Streams open at once, both ends' together. */
  readonly maxStreams: number;
  /** Absent: the peer may open none, and one that does breaks the protocol. */
  readonly onStream?: (stream: MuxStream, opening: Buffer) => void;
  readonly onNotice?: (payload: Buffer) => void;
  /** The peer takes no more streams; running ones go on when the reason is `draining`. */
  readonly onGoaway?: (reason: GoawayReason, message: string) => void;
  /** Called once. Every stream has been destroyed by then. */
  readonly onClosed: (end: SessionEnd) => void;
  /** Monotonic milliseconds; tests bring their own. */
  readonly nowMs?: () => number;
  /** Of the role's parity, 1 or 2 by default; tests begin near the last one. */
  readonly firstStreamId?: number;
}

/** What goes by while the transport waits is gathered for at most one turn of the event loop. */
export class Session {
  readonly #pipe: FramePipe;
  readonly #options: SessionOptions;
  readonly #nowMs: () => number;
  readonly #streams = new Map<number, MuxStream>();
  readonly #scheduler = new Scheduler<MuxStream>();
  readonly #linkWindow = new LinkWindow();
  readonly #growth: GrowthBudget;
  readonly #lineWait: Wait;
  readonly #keepalive: Keepalive;
  readonly #receipts: Receipts;
  readonly #carrier: StreamCarrier;
  #nextId: number;
  #highestPeerId = 0;
  #isPumpDue = false;
  #isPumping = false;
  #isGoawaySent = false;
  #isGoawayReceived = false;
  #end: SessionEnd | undefined;

  constructor(pipe: FramePipe, options: SessionOptions) {
    this.#pipe = pipe;
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#nextId = options.firstStreamId ?? (options.role === 'dialer' ? 1 : 2);
    this.#growth = options.growth ?? new GrowthBudget(windowGrowthBudgetBytes);
    const stalls = options.stalls ?? new SendStalls();
    this.#lineWait = new Wait(stalls.line);
    this.#carrier = this.#makeCarrier(stalls);
    this.#receipts = new Receipts((bytes) => {
      pipe.queueNumber(frameType.ack, 0, bytes);
      this.#schedulePump();
    });
    this.#keepalive = new Keepalive({
      intervalMs: options.pingIntervalMs,
      deadlineMs: options.pingDeadlineMs,
      nowMs: this.#nowMs,
      send: (payload) => this.#queue(frameType.ping, 0, payload),
      onRtt: (rttMs) => this.#linkWindow.seed(rttMs, this.#nowMs()),
      onDead: () =>
        this.#finish(
          { reason: 'ping-timeout', message: 'the peer did not answer a ping', error: undefined },
          'destroy',
        ),
    });
    pipe.onViolation = (error) => this.#violated(error);
    pipe.onClosed = (error) =>
      this.#finish({ reason: undefined, message: 'the connection closed', error }, 'destroy');
    this.#keepalive.start();
    // What waits in the pipe comes when the caller holds the session: its callbacks may name it.
    queueMicrotask(() => this.#begin());
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get isAccepting(): boolean {
    return this.#end === undefined && !this.#isGoawaySent && !this.#isGoawayReceived;
  }

  /** Latest round trip by ping, milliseconds. */
  get rttMs(): number | undefined {
    return this.#keepalive.rttMs;
  }

  /** The line's own round trip, without what queues on it. */
  get minRttMs(): number | undefined {
    return this.#linkWindow.minRttMs;
  }

  /** How long what this end sends now waits on the way; undefined when it sent nothing of late. */
  get queueMs(): number | undefined {
    return this.#linkWindow.queueMs(this.#nowMs());
  }

  get streams(): Iterable<Pick<MuxStream, 'id' | 'waitsFor' | 'unsentBytes' | 'unreadBytes'>> {
    return this.#streams.values();
  }

  /** Pings now; without an answer within the time the session ends as after any ping that is lost. */
  probe(deadlineMs: number): void {
    this.#keepalive.probe(deadlineMs);
  }

  /** Bytes of data sent and not yet acknowledged by the peer: the link's backlog. */
  get inFlightBytes(): number {
    return this.#linkWindow.inFlightBytes;
  }

  /** `opening` goes beside OPEN, at most 1 KiB. @throws StreamError stream.refused when the session drains, is closed or is full */
  openStream(opening?: Buffer): MuxStream {
    if (!this.isAccepting)
      throw new StreamError('stream.refused', 'the session takes no more streams');
    if (this.#streams.size >= this.#options.maxStreams) {
      throw new StreamError('stream.refused', `the session has ${this.#streams.size} streams`);
    }
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = this.#addStream(id);
    this.#queue(frameType.open, 0, opening, id);
    // Ids are not used twice. The peer brings a new link when this one says that it drains.
    if (this.#nextId > maxStreamId - 2) this.goaway('draining', 'stream ids are used up');
    return stream;
  }

  /** A message for the layer above the peer's session, at most 4 KiB. */
  notice(payload: Buffer): void {
    if (payload.length > maxNoticeBytes) throw new RangeError('a notice has at most 4 KiB');
    this.#queue(frameType.notice, 0, payload);
  }

  /** `draining` lets running streams finish and closes behind the last; any other reason ends the session now. */
  goaway(reason: GoawayReason, message = ''): void {
    if (this.#end !== undefined) return;
    if (reason !== 'draining') {
      this.#pipe.queue(frameType.goaway, 0, 0, encodeGoaway(goawayCode[reason], message));
      this.#finish({ reason, message, error: undefined }, 'close');
      return;
    }
    if (this.#isGoawaySent) return;
    this.#isGoawaySent = true;
    this.#queue(frameType.goaway, 0, encodeGoaway(goawayCode.draining, message));
  }

  destroy(error?: Error): void {
    this.#finish({ reason: undefined, message: 'destroyed', error }, 'destroy');
  }

  #begin(): void {
    this.#pipe.sink = {
      onControl: (header, payload) => this.#receiveControl(header, payload),
      onData: (streamId, piece, isFrameEnd, isStreamEnd) =>
        this.#receiveData(streamId, piece, isFrameEnd, isStreamEnd),
    };
    if (this.#pipe.isClosed) this.#pipe.onClosed(undefined);
  }

  #receiveControl(header: FrameHeader, payload: Buffer): void {
    const { type, flags, streamId } = header;
    switch (type) {
      case frameType.open:
        return this.#receiveOpen(streamId, payload);
      case frameType.reset:
        return this.#find(streamId)?.receiveReset(resetReason(payload.readUInt32BE(0)));
      case frameType.credit:
        return this.#find(streamId)?.receiveCredit(payload.readUInt32BE(0));
      case frameType.ack:
        this.#linkWindow.onAck(payload.readUInt32BE(0), this.#nowMs());
        return this.#schedulePump();
      case frameType.ping:
        return this.#receivePing((flags & flag.reply) !== 0, payload);
      case frameType.goaway:
        return this.#receiveGoaway(payload);
      case frameType.notice:
        return this.#options.onNotice?.(payload);
      default:
        throw new ProtocolError('protocol.handshake', `frame type ${type} after the handshake`);
    }
  }

  #receiveData(streamId: number, piece: Buffer, isFrameEnd: boolean, isStreamEnd: boolean): void {
    // Acknowledged on receipt, whoever reads it and when: one reader that stops must not stop the link.
    this.#receipts.arrived(piece.length, isFrameEnd);
    this.#find(streamId)?.receive(piece, isStreamEnd);
  }

  #receiveOpen(id: number, opening: Buffer): void {
    const isPeersParity = id % 2 === (this.#options.role === 'dialer' ? 0 : 1);
    if (this.#options.onStream === undefined || !isPeersParity || id <= this.#highestPeerId) {
      throw new ProtocolError('protocol.stream-id', `the peer may not open stream ${id}`);
    }
    this.#highestPeerId = id;
    // Streams that crossed our goaway are served: the peer closes the gap by answering with its own.
    if (this.#streams.size >= this.#options.maxStreams) {
      this.#pipe.queueNumber(frameType.reset, id, resetCode.refused);
      return this.#schedulePump();
    }
    this.#options.onStream(this.#addStream(id), opening);
  }

  #receivePing(isReply: boolean, payload: Buffer): void {
    if (isReply) this.#keepalive.receiveReply(payload);
    else this.#queue(frameType.ping, flag.reply, payload);
  }

  #receiveGoaway(payload: Buffer): void {
    const { code, message } = decodeGoaway(payload);
    const reason = goawayReason(code);
    if (reason !== 'draining') {
      this.#options.onGoaway?.(reason, message);
      return this.#finish({ reason, message, error: undefined }, 'close');
    }
    if (this.#isGoawayReceived) return;
    this.#isGoawayReceived = true;
    // The answer tells the peer that no stream of ours is on its way any more.
    this.goaway('draining', message);
    this.#options.onGoaway?.(reason, message);
  }

  /** Undefined for a stream that is over: its last frames may still be on their way. */
  #find(id: number): MuxStream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    const isOurs = id % 2 === this.#nextId % 2;
    const wasOpened = isOurs ? id < this.#nextId : id <= this.#highestPeerId;
    if (!wasOpened) throw new ProtocolError('protocol.stream-id', `stream ${id} was never opened`);
    return undefined;
  }

  #addStream(id: number): MuxStream {
    const { receiveWindowBytes, sendWindowBytes } = this.#options;
    const window = new ReceiveWindow(receiveWindowBytes, this.#growth, this.#nowMs());
    const stream = new MuxStream(id, this.#carrier, window, sendWindowBytes);
    this.#streams.set(id, stream);
    return stream;
  }

  #makeCarrier({ credit }: SendStalls): StreamCarrier {
    return {
      wantsToSend: (stream) => {
        this.#scheduler.add(stream, this.#nowMs());
        this.#schedulePump();
      },
      // What is written from within a pump is sent by it.
      sendNow: () => {
        if (!this.#isPumping && this.#end === undefined) this.#pump();
      },
      sendCredit: (stream, bytes) => {
        this.#pipe.queueNumber(frameType.credit, stream.id, bytes);
        this.#schedulePump();
      },
      sendReset: (stream, reason: ResetReason) => {
        if (this.#end !== undefined) return;
        const code = resetCodeFor(reason, this.#options.highestResetCode);
        this.#pipe.queueNumber(frameType.reset, stream.id, code);
        this.#schedulePump();
      },
      forget: (stream) => {
        if (this.#streams.delete(stream.id)) this.#schedulePump();
      },
      creditStalls: credit,
      nowMs: this.#nowMs,
      rttMs: () => this.#keepalive.rttMs ?? 0,
    };
  }

  #queue(type: number, flags: number, payload: Buffer | undefined, streamId = 0): void {
    if (this.#end !== undefined) return;
    this.#pipe.queue(type, flags, streamId, payload);
    this.#schedulePump();
  }

  /** One pump for everything that happens in this turn of the event loop: many small frames leave as one chunk. */
  #schedulePump(): void {
    if (this.#isPumpDue || this.#end !== undefined) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      if (this.#end === undefined) this.#pump();
    });
  }

  #pump(): void {
    this.#isPumping = true;
    const nowMs = this.#nowMs();
    const frameBytes = this.#linkWindow.frameBytes;
    let room = 1;
    while (!this.#scheduler.isEmpty) {
      room = this.#linkWindow.room(frameBytes);
      if (room === 0) break;
      const pick = this.#scheduler.next(Math.min(frameBytes, room), nowMs);
      if (pick === undefined) break;
      this.#sendFrom(pick.stream, pick.maxBytes, nowMs);
    }
    this.#isPumping = false;
    this.#lineWait.note(room === 0, nowMs);
    this.#pipe.flush();
    if (this.#pipe.isOverfull) this.goaway('overloaded', 'answers are not read');
    this.#closeWhenDrained();
  }

  #sendFrom(stream: MuxStream, maxBytes: number, nowMs: number): void {
    const piece = stream.takePiece(maxBytes);
    if (piece === undefined) return;
    const { source, isStreamEnd, written } = piece;
    const frame = {
      type: frameType.data,
      flags: isStreamEnd ? flag.end : 0,
      streamId: stream.id,
    };
    this.#pipe.sendPayload(frame, source, piece, written);
    const bytes = piece.end - piece.start;
    if (bytes > 0) this.#linkWindow.onSent(bytes, nowMs);
    stream.turn.note(bytes, nowMs);
    if (stream.isReadyToSend) this.#scheduler.add(stream, nowMs);
  }

  #closeWhenDrained(): void {
    if (!this.#isGoawaySent || !this.#isGoawayReceived || this.#streams.size > 0) return;
    this.#finish({ reason: 'draining', message: 'drained', error: undefined }, 'close');
  }

  #violated(error: ProtocolError): void {
    if (this.#end !== undefined) return;
    this.#pipe.queue(
      frameType.goaway,
      0,
      0,
      encodeGoaway(goawayCode['protocol-error'], error.code),
    );
    this.#finish({ reason: 'protocol-error', message: error.message, error }, 'close');
  }

  #finish(end: SessionEnd, how: 'close' | 'destroy'): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#lineWait.note(false, this.#nowMs());
    this.#keepalive.stop();
    this.#receipts.stop();
    if (how === 'close') this.#pipe.close();
    else this.#pipe.destroy(end.error);
    const lost = new StreamError('stream.link-lost', `the link ended: ${end.message}`, undefined, {
      cause: end.error,
    });
    for (const stream of this.#streams.values()) stream.lose(lost);
    this.#streams.clear();
    this.#options.onClosed(end);
  }
}
