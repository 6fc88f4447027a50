// A visitor's request arrives with the tunnel it is for; it goes out on one of the tunnel's streams, and the origin's response goes to the visitor.

import type { Buffer } from 'node:buffer';
import type { BodyFraming } from '../../shared/http/body.ts';
import { encodeRequestHead } from '../../shared/http/head.ts';
import type { ResponseHead } from '../../shared/http/head.ts';
import { endToEndFields, endToEndTrailers, listedNames } from '../../shared/http/hop-by-hop.ts';
import { EdgeError, failureCode } from './edge-error.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeListener, OriginRequest } from './exchange.ts';
import { answerFailure } from './failure.ts';
import type { EdgeFailureCode } from './failure.ts';
import { unconditional } from './former-owner.ts';
import { originFields } from './forwarded.ts';
import { H2cExchange } from './h2c/exchange.ts';
import { defaultEdgeLimits } from './limits.ts';
import type { OriginConnection } from './origin-connection.ts';
import { Resume, type ResumeOptions } from './resume/resume.ts';
import { missingFrom, tenantFields, usualOver, type Curbed } from './response-policy.ts';
import { leastLoaded } from './stream-pool.ts';
import type { StreamPool, Tunnel } from './stream-pool.ts';
import type { FieldLines, VisitorRequest, VisitorResponse } from './visitor.ts';

export interface ForwardOptions {
  /** How long an exchange lives while no byte moves. There is no total: a film lasts as long as it lasts. */
  readonly idleTimeoutMs: number;
  /** What an upload of known length has to bring within that time. */
  readonly slowBodyBytes?: number;
  /** Absent: what breaks off ends. */
  readonly resume?: ResumeOptions | undefined;
  /** Lines that a response gets which has none of that name. */
  readonly usualFields?: FieldLines;
  /** Told of each line of a response that reached beyond its own host and was cut back. */
  readonly onCurbed?: (what: Curbed) => void;
  /** Told once of each exchange that failed, for the log; a visitor who left is no failure. */
  readonly onFailure?: (request: VisitorRequest, code: EdgeFailureCode, error: unknown) => void;
}

export const defaultForwardOptions: ForwardOptions = { idleTimeoutMs: 600_000 };

/** Answers the request from its tunnel's origin, or with the failure that kept it from there. */
export function forward(
  request: VisitorRequest,
  response: VisitorResponse,
  tunnel: Tunnel,
  options: ForwardOptions = defaultForwardOptions,
): void {
  new Forwarding(request, response, tunnel, options).start(originFields(request));
}

/** What an upgrade asks for, and who takes the connection when the origin agrees. */
export interface ProtocolSwitch {
  readonly protocol: string;
  take(connection: OriginConnection, head: ResponseHead, firstBytes: Buffer): void;
}

/** One request on its way. */
export class Forwarding implements ExchangeListener {
  readonly #request: VisitorRequest;
  readonly #response: VisitorResponse;
  readonly #tunnel: Tunnel;
  readonly #options: ForwardOptions;
  readonly #switch: ProtocolSwitch | undefined;
  readonly #resume: Resume | undefined;
  /** Of the request to the origin. */
  #fields: FieldLines = [];
  #originRequest: OriginRequest | undefined;
  /** Of the link that carries this exchange. */
  #pool: StreamPool | undefined;
  #connection: OriginConnection | undefined;
  #exchange: Exchange | H2cExchange | undefined;
  /** Trailers an HTTP/1.1 visitor may get: the announced ones. HTTP/2 needs no announcement. */
  #announced: ReadonlySet<string> | undefined;

  constructor(
    request: VisitorRequest,
    response: VisitorResponse,
    tunnel: Tunnel,
    options: ForwardOptions,
    protocolSwitch?: ProtocolSwitch,
  ) {
    this.#request = request;
    this.#response = response;
    this.#tunnel = tunnel;
    this.#options = options;
    this.#switch = protocolSwitch;
    this.#resume = this.#secondChances(options.resume);
  }

  start(fields: FieldLines): void {
    const { method, target, body } = this.#request;
    this.#response.onDrain = () => this.#drained();
    const { meter } = this.#request;
    if (meter !== undefined)
      meter.onDownRoom = () => {
        if (!meter.isViewerFull) this.#exchange?.resume();
      };
    this.#response.onAborted = () => this.#abort();
    try {
      const isCleared = (this.#request.ownFields?.length ?? 0) > 0;
      this.#fields = isCleared ? unconditional(fields) : fields;
      const head = encodeRequestHead(method, target, this.#fields);
      this.#originRequest = {
        method,
        target,
        fields: this.#fields,
        head,
        body,
        protocol: this.#switch?.protocol,
      };
      if (this.#tunnel.links.length === 0) void this.#awaitLink();
      else this.#begin();
    } catch (error) {
      this.#recover(error);
    }
  }

  /** @throws StreamError stream.refused | stream.link-lost */
  #begin(): void {
    this.#pool = leastLoaded(this.#tunnel);
    this.#send(this.#mayReplay() ? this.#pool.take(this.#request.clientAddress) : undefined);
  }

  /** The line has just broken: nothing of the request is on its way yet, so that any request can wait. Cannot reject. */
  async #awaitLink(): Promise<void> {
    const patience = new AbortController();
    let hasLeft = false;
    const timer = setTimeout(() => patience.abort(), this.#tunnel.awaitedMs);
    this.#response.onAborted = () => {
      hasLeft = true;
      patience.abort();
    };
    const link = await this.#tunnel.nextLink(patience.signal);
    clearTimeout(timer);
    if (hasLeft) return;
    this.#response.onAborted = () => this.#abort();
    if (link === undefined) {
      this.#answerFailure(new EdgeError('tunnel.offline', 'no link came in time'));
      return;
    }
    try {
      this.#begin();
    } catch (error) {
      this.#recover(error);
    }
  }

  #drained(): void {
    this.#resume?.drained();
    const { meter } = this.#request;
    if (meter !== undefined) meter.isViewerFull = false;
    if (meter?.isDownHeld !== true) this.#exchange?.resume();
  }

  #abort(): void {
    this.#resume?.stop();
    this.#exchange?.abort('cancelled');
  }

  onInterim(status: number, fields: FieldLines): void {
    // 100 is between us and the origin; HTTP/1.0 knows no interim responses (RFC 9110 §15.2).
    if (status === 100 || this.#request.httpVersion === '1.0') return;
    // To a further attempt: the visitor is past its interim heads.
    if (this.#response.isHeadSent) return;
    this.#resume?.hinted();
    this.#response.information(status, this.#curbed(endToEndFields(fields)));
  }

  onHead(head: ResponseHead, framing: BodyFraming): void {
    if (this.#response.isHeadSent) {
      this.#resume?.accept(head, framing);
      return;
    }
    this.#resume?.begun(head, framing);
    this.#request.meter?.answered(head.status, contentTypeOf(head));
    const fields = this.#withOurs(this.#curbed(endToEndFields(head.fields)));
    const isTrailed = framing === 'chunked' && this.#request.httpVersion !== '1.0';
    if (isTrailed && this.#request.httpVersion === '1.1') {
      this.#announced = listedNames(fields, 'trailer');
    }
    this.#response.head(head.status, visitorFields(head.status, fields, isTrailed), framing === 0);
  }

  onBytes(piece: Buffer): boolean {
    const { meter } = this.#request;
    const isInTime = meter === undefined || meter.down(piece.length);
    const takesMore = this.#response.write(piece);
    this.#resume?.delivered(piece.length, !takesMore);
    if (meter !== undefined) meter.isViewerFull = !takesMore;
    return takesMore && isInTime;
  }

  onEnd(trailers: FieldLines | undefined, isReusable: boolean): void {
    if (isReusable && this.#connection !== undefined) this.#pool?.give(this.#connection);
    this.#forget();
    const kept =
      trailers === undefined ? [] : this.#curbed(endToEndTrailers(trailers, this.#announced));
    if (kept.length > 0 && this.#request.httpVersion !== '1.0') this.#response.end(kept);
    else this.#response.end();
  }

  onSwitch(connection: OriginConnection, head: ResponseHead, firstBytes: Buffer): void {
    this.#forget();
    this.#switch?.take(connection, head, firstBytes);
  }

  onFailed(error: unknown, isUntouched: boolean): void {
    const wasReused = this.#connection?.isReused === true;
    this.#forget();
    // The origin closed an idle connection just as we used it: nobody has seen this request yet.
    if (wasReused && isUntouched && failureCode(error) === 'origin.closed') this.#sendAgain();
    else this.#recover(error);
  }

  #sendAgain(): void {
    try {
      this.#pool = leastLoaded(this.#tunnel);
      this.#send(undefined);
    } catch (error) {
      this.#recover(error);
    }
  }

  #recover(error: unknown): void {
    const resume = this.#resume;
    if (resume?.survives(error) === true) void this.#goOn(resume);
    else this.#answerFailure(error);
  }

  /** Cannot reject. */
  async #goOn(resume: Resume): Promise<void> {
    this.#pool = await resume.pool();
    if (this.#pool === undefined) return;
    try {
      const { method, target } = this.#request;
      const fields = resume.requestFields(this.#fields);
      const head = encodeRequestHead(method, target, fields);
      this.#originRequest = { method, target, fields, head, body: undefined, protocol: undefined };
      this.#send(undefined);
      resume.sent();
    } catch (error) {
      this.#recover(error);
    }
  }

  #secondChances(options: ResumeOptions | undefined): Resume | undefined {
    if (options === undefined || this.#switch !== undefined) return undefined;
    return new Resume({
      request: this.#request,
      tunnel: this.#tunnel,
      options,
      idleTimeoutMs: this.#options.idleTimeoutMs,
      mayReplay: this.#mayReplay(),
      onHopeless: (error) => {
        this.#exchange?.abort('cancelled');
        this.#forget();
        this.#answerFailure(error);
      },
    });
  }

  /** Only such a request may meet a used stream: any other could have been acted upon when the stream dies. */
  #mayReplay(): boolean {
    const { method, body } = this.#request;
    return (
      body === undefined &&
      this.#switch === undefined &&
      (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')
    );
  }

  #send(used: OriginConnection | undefined): void {
    const request = this.#originRequest;
    const pool = this.#pool;
    if (request === undefined || pool === undefined) return;
    const { idleTimeoutMs, slowBodyBytes = defaultEdgeLimits.slowBodyBytes } = this.#options;
    const patience = { idleTimeoutMs, slowBodyBytes };
    const { meter } = this.#request;
    if (meter !== undefined) meter.link = pool.link;
    if (pool.sessions !== undefined) {
      this.#exchange = new H2cExchange(pool.sessions, request, this, patience);
      return;
    }
    this.#connection = used ?? pool.open(this.#request.clientAddress);
    if (meter !== undefined) meter.stream = this.#connection.stream;
    this.#exchange = new Exchange(this.#connection, request, this, patience);
  }

  /** From here on the visitor's events concern nobody: the stream may carry another request already. */
  #forget(): void {
    this.#exchange = undefined;
    this.#connection = undefined;
  }

  #withOurs(fields: FieldLines): FieldLines {
    const { ownFields = [] } = this.#request;
    const usual = usualOver(this.#request.scheme, this.#options.usualFields);
    const ours = [...ownFields, ...missingFrom(fields, usual)];
    return ours.length === 0 ? fields : [...fields, ...ours];
  }

  #curbed(fields: FieldLines): FieldLines {
    return tenantFields(fields, this.#request, this.#options.onCurbed);
  }

  #answerFailure(error: unknown): void {
    const code = failureCode(error);
    this.#options.onFailure?.(this.#request, code, error);
    answerFailure(this.#response, this.#request, code);
  }
}

/** Without what the visitor's hop cannot have: a length beside an empty status (RFC 9110 §8.6), trailers announced for a body that has none. */
function visitorFields(status: number, fields: FieldLines, isTrailed: boolean): FieldLines {
  if (isTrailed && status !== 204) return fields;
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'trailer' && !isTrailed) continue;
    if (name === 'content-length' && status === 204) continue;
    kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

function contentTypeOf({ fields }: ResponseHead): string | undefined {
  for (let at = 0; at < fields.length; at += 2)
    if (fields[at] === 'content-type') return fields[at + 1];
  return undefined;
}
