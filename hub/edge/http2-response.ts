// The answer for a visitor arrives as calls; HTTP/2 frames leave on its stream.

import type { Buffer } from 'node:buffer';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';

import { PieceWriter } from './piece-writer.ts';
import type { FieldLines, VisitorResponse } from './visitor.ts';

export class Http2Response implements VisitorResponse {
  readonly #stream: ServerHttp2Stream;
  readonly #pieces: PieceWriter;
  readonly #idleMs: number;
  #isOver = false;
  #hasAborted = false;
  #mayHaveTrailers = false;
  #patience: NodeJS.Timeout | undefined;

  isHeadSent = false;
  onDrain: () => void = nothing;
  onAborted: () => void = nothing;
  /** The exchange is over, however it ended. Called once. */
  onClosed: () => void = nothing;

  /** `idleMs`: how long a complete answer waits for a visitor who does not read it. */
  constructor(stream: ServerHttp2Stream, idleMs: number) {
    this.#stream = stream;
    this.#pieces = new PieceWriter(stream, () => this.onDrain());
    this.#idleMs = idleMs;
    stream.on('drain', () => this.onDrain());
    // At once: behind RST_STREAM with NO_ERROR Node ends the upload as if it were whole, and an origin would keep half a file.
    stream.once('aborted', () => {
      if (!this.#isOver) this.#abort();
    });
    stream.once('close', () => {
      clearTimeout(this.#patience);
      if (!this.#isOver || !stream.writableFinished) this.#abort();
      this.onClosed();
    });
  }

  information(status: number, fields: FieldLines): void {
    if (this.isHeadSent || this.#isGone()) return;
    this.#stream.additionalHeaders({ ...fieldObject(fields), ':status': status });
  }

  head(status: number, fields: FieldLines, isWhole = false): void {
    this.isHeadSent = true;
    if (this.#isGone()) return;
    // Trailers can only follow a body of unknown length: with one, the stream ends without asking for them.
    const waitForTrailers = !isWhole && !hasLength(fields);
    const head = [':status', String(status), ...fields];
    this.#stream.respond(head, { endStream: isWhole, waitForTrailers });
    this.#mayHaveTrailers = waitForTrailers && !this.#stream.writableEnded;
  }

  write(chunk: Buffer): boolean {
    // Ended already for HEAD, 204 and 304, whatever the origin says.
    return this.#isGone() || this.#stream.writableEnded || this.#pieces.write(chunk);
  }

  end(trailers: FieldLines = []): void {
    this.#isOver = true;
    if (this.#isGone()) return;
    const stream = this.#stream;
    stream.once('wantTrailers', () => {
      if (!stream.closed) stream.sendTrailers(fieldObject(trailers));
    });
    // A reset would overtake trailers, and the end with them: an upload beside those is read to its end and dropped.
    if (!this.#mayHaveTrailers) stream.once('finish', () => this.#stopUpload());
    stream.end();
    // Nobody else looks after it now: a window that stays shut would keep the stream, and what it counts for, for ever.
    // Not by stream.setTimeout: Node arms that again on streams that are closing, and each would be kept for all that time.
    this.#patience = setTimeout(() => this.destroy(), this.#idleMs);
  }

  destroy(): void {
    this.#isOver = true;
    // With an error it resets; close(code) would first send END_STREAM, and a cut answer would look whole.
    this.#stream.destroy(new Error('the answer cannot be completed'));
  }

  #abort(): void {
    if (this.#hasAborted) return;
    this.#hasAborted = true;
    this.onAborted();
  }

  /** The answer is complete; what is still to come of the upload is not wanted (RFC 9113 §8.1). */
  #stopUpload(): void {
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /**
   * The visitor has reset the stream. After RST_STREAM with NO_ERROR Node keeps it until its upload was read, which may
   * be never, and throws at whoever answers on it.
   */
  #isGone(): boolean {
    if (this.#stream.closed) this.#stream.destroy();
    return this.#stream.destroyed;
  }
}

/** For the two calls that take no pairs. */
function fieldObject(fields: FieldLines): OutgoingHttpHeaders {
  const object = Object.create(null) as Record<string, string | string[]>;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const value = fields[at + 1] ?? '';
    const former = object[name];
    object[name] = former === undefined ? value : [former, value].flat();
  }
  return object;
}

function hasLength(fields: FieldLines): boolean {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === 'content-length') return true;
  return false;
}

function nothing(): void {}
