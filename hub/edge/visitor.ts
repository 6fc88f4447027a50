// What the front hands to the forward room: one normalised request, and the one way to answer it, whatever HTTP version the visitor speaks.

import type { Buffer } from 'node:buffer';
import type { Duplex, Readable } from 'node:stream';

import type { Meter } from '../usage/meter.ts';

/** Field lines in order, names in lower case: [name, value, name, value, ...]. Values are latin1 strings without CR, LF, NUL. */
export type FieldLines = readonly string[];

/** A visitor's request after normalize.ts: hop-by-hop and forwarding fields are gone, the host is known to be well formed. */
export interface VisitorRequest {
  /** UUIDv7, sent to the origin as X-Request-Id and shown on error pages. */
  readonly id: string;
  readonly method: string;
  /** Origin form: path and query, as the visitor wrote them. */
  readonly target: string;
  /** Lower case, no port, no trailing dot. */
  readonly hostname: string;
  /** The authority as the visitor wrote it (with port), lower case: becomes Host and X-Forwarded-Host. */
  readonly authority: string;
  readonly fields: FieldLines;
  /** Canonical text of the client's address; undefined when a trusted proxy did not say (security.md §1.6). */
  readonly clientAddress: string | undefined;
  readonly scheme: 'https' | 'http';
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** Body of the request: absent, of a known length in bytes, or of unknown length. */
  readonly body:
    | {
        readonly stream: Readable;
        readonly length: number | undefined;
        readonly meter?: Meter | undefined;
      }
    | undefined;
  /** True when a browser asks for a page (Accept names text/html): failures are then a page, not problem+json. */
  readonly wantsPage: boolean;
  /** It said that it reads what comes behind a body (`TE: trailers`). gRPC servers answer nobody else. */
  readonly takesTrailers?: boolean;
  /** Lines of the hub's own for the head of whatever answers it. */
  readonly ownFields?: FieldLines;
  /** Counts what passes; absent where no server is known. */
  readonly meter?: Meter | undefined;
  /** Where the hub traces: `traceparent` and `tracestate` for the origin, in place of the visitor's. */
  readonly traceFields?: FieldLines | undefined;
}

/** The visitor's side of an answer. Implemented once for HTTP/1.1 and once for HTTP/2. */
export interface VisitorResponse {
  /** Interim response (1xx, not 101). */
  information(status: number, fields: FieldLines): void;
  /**
   * Final head. `fields` carry end-to-end fields only; content-length is among them when known. `isWhole`: no body and no
   * trailers follow, so that over HTTP/2 it can end the stream itself, as gRPC wants it of an error.
   */
  head(status: number, fields: FieldLines, isWhole?: boolean): void;
  /** False: wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  /** Ends the body, with trailers if the origin sent any. */
  end(trailers?: FieldLines): void;
  /** The visitor must notice that the answer is incomplete: RST_STREAM (h2) or a cut connection (h1). */
  destroy(): void;
  readonly isHeadSent: boolean;
  onDrain: () => void;
  /** Called once when the visitor has gone away before `end` was flushed. */
  onAborted: () => void;
}

/** A request to leave HTTP for WebSocket: an upgrade (HTTP/1.1) or an extended CONNECT (HTTP/2). */
export interface VisitorUpgrade {
  /** The bytes of the new protocol, both ways. */
  readonly pipe: Duplex;
  /** What arrived behind the head. */
  readonly firstBytes: Buffer;
  /** For any answer but an agreement. */
  readonly response: VisitorResponse;
  /** The Sec-WebSocket-Key that stands for the visitor's, who has none over HTTP/2 (RFC 8441 §5). */
  readonly key: string | undefined;
  /** Tells the visitor that the origin agreed. From here on the pipe belongs to the new protocol. */
  agree(fields: FieldLines): void;
  /** The visitor must notice that the origin is gone. */
  cut(): void;
}
