// Requests of visitors arrive; a span for each goes to the operator's collector, and the trace context that its origin gets leaves. Loaded only where HUB_OTLP_URL is set: it takes 0.2 s and 27 MB.

import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { ExportResultCode, parseTraceParent, TraceState } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';

import type { Logger } from '../../shared/log.ts';
import { version } from '../../shared/version.ts';
import type { ExchangeRecord } from '../usage/exchange-record.ts';
import { classOf, knownMethod, type WatchedRequest } from './watched-request.ts';

export interface TracingOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Share of the requests that are traced, 0 to 1; also of what a trusted proxy says that it traces. */
  readonly sample: number;
  readonly log: Logger;
}

/** One request under way. */
export interface TracedExchange {
  /** `traceparent`, and `tracestate` if there is one: for the origin, in place of whatever the visitor said. */
  readonly fields: readonly string[];
  end(record: ExchangeRecord): void;
}

/** At 500 requests a second and each of them sampled, two seconds of a collector that is away; 8 MB. */
const queuedSpans = 4096;
const batchSpans = 512;
const sendEveryMs = 2000;
/** A collector that is slower keeps nobody waiting but the next batch. */
const sendTimeoutMs = 5000;
/** What a hub that stops gives its last batch. */
const farewellMs = 2000;

export class Tracing {
  readonly #tracer: Tracer;
  readonly #provider: TracerProvider;

  constructor({ url, headers, sample, log }: TracingOptions) {
    const exporter = new OTLPTraceExporter({
      url: url.href,
      headers: { ...headers },
      timeoutMillis: sendTimeoutMs,
      concurrencyLimit: 2,
    });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'phlix-hub', 'service.version': version }),
      sampler: samplerOf(sample),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new NotedExporter(exporter, log),
          maxQueueSize: queuedSpans,
          maxExportBatchSize: batchSpans,
          scheduledDelayMillis: sendEveryMs,
          exportTimeoutMillis: sendTimeoutMs,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('phlix-hub', version);
  }

  /** `isVouched`: it came from a trusted proxy, whose trace it belongs to. Anybody else could join traces that are none of his. */
  begin(request: WatchedRequest, serverId: string, isVouched: boolean): TracedExchange {
    const parent = isVouched ? contextIn(request.fields) : ROOT_CONTEXT;
    const startedAt = Date.now();
    const attributes = requestAttributes(request, serverId);
    const span = this.#tracer.startSpan(
      nameOf(request, undefined),
      { kind: SpanKind.SERVER, startTime: startedAt, attributes },
      parent,
    );
    const { traceState } = span.spanContext();
    const state = traceState?.serialize() ?? '';
    return {
      fields: ['traceparent', traceParentOf(span), ...(state === '' ? [] : ['tracestate', state])],
      end: (record) => this.#end(span, request, record),
    };
  }

  /** What is queued is sent, if the collector takes it in time. Never rejects. */
  async stop(): Promise<void> {
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, farewellMs);
    const sent = this.#provider.shutdown().catch(() => undefined);
    await Promise.race([sent, deadline.promise]);
    clearTimeout(timer);
  }

  #end(span: Span, request: WatchedRequest, record: ExchangeRecord): void {
    if (!span.isRecording()) return;
    const { startedAt, linkedMs, answeredMs, durationMs, status } = record;
    const within = trace.setSpan(ROOT_CONTEXT, span);
    const part = (name: string, kind: SpanKind, fromMs: number, untilMs: number): void => {
      const startTime = startedAt + fromMs;
      this.#tracer.startSpan(name, { kind, startTime }, within).end(startedAt + untilMs);
    };
    // Without a link all of it was waiting; without an answer all behind the link was.
    part('tunnel.wait', SpanKind.INTERNAL, 0, linkedMs ?? answeredMs ?? durationMs);
    if (linkedMs !== undefined)
      part('origin.first_byte', SpanKind.CLIENT, linkedMs, answeredMs ?? durationMs);
    span.updateName(nameOf(request, status));
    span.setAttributes(outcomeAttributes(request, record));
    if (status === undefined || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startedAt + durationMs);
  }
}

/**
 * Most proxies pass on what their visitor sent: were its flag believed, anybody could have all of his requests traced. The share
 * is one of trace ids, so a proxy that samples by them too and the hub take the same ones.
 */
function samplerOf(sample: number): ParentBasedSampler {
  const share = new TraceIdRatioBasedSampler(sample);
  return new ParentBasedSampler({ root: share, remoteParentSampled: share });
}

/** W3C Trace Context, level 1, §3.2. */
function traceParentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** What cannot be read, or is said twice, is no context (§3.2.2.1 there). */
function contextIn(fields: readonly string[]): Context {
  const linesOf = (name: string): string[] =>
    fields.filter((_, at) => at % 2 === 1 && fields[at - 1] === name);
  const [parent = '', second] = linesOf('traceparent');
  const remote = second === undefined ? parseTraceParent(parent) : null;
  if (remote === null) return ROOT_CONTEXT;
  const states = linesOf('tracestate').join(',');
  const traceState = states === '' ? undefined : new TraceState(states);
  const context = { ...remote, isRemote: true, ...(traceState && { traceState }) };
  return trace.setSpanContext(ROOT_CONTEXT, context);
}

/** Of few words, as backends group by it: the class of the path stands for the route (semantic conventions, "HTTP spans"). */
function nameOf(request: WatchedRequest, status: number | undefined): string {
  return `${methodOf(request)} ${classOf(request, status)}`;
}

/** The word that semantic conventions have for a method of nobody's list. */
function methodOf(request: WatchedRequest): string {
  return knownMethod(request) ?? '_OTHER';
}

function requestAttributes(request: WatchedRequest, serverId: string): Attributes {
  return {
    'http.request.method': methodOf(request),
    'url.scheme': request.scheme,
    'server.address': request.hostname,
    'network.protocol.name': 'http',
    'network.protocol.version': request.httpVersion,
    'phlix.server.id': serverId,
    'phlix.request.id': request.id,
  };
}

function outcomeAttributes(request: WatchedRequest, record: ExchangeRecord): Attributes {
  const { status, failure, bytesUp, bytesDown, resumes } = record;
  const isError = status === undefined || status >= 500;
  return {
    'phlix.path.class': classOf(request, status),
    'http.request.body.size': bytesUp,
    'http.response.body.size': bytesDown,
    'phlix.resumed': resumes > 0,
    'phlix.resumes': resumes,
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(failure !== undefined && { 'phlix.code': failure }),
    ...(isError && { 'error.type': failure ?? (status === undefined ? '_OTHER' : String(status)) }),
  };
}

/** Says once that the collector takes nothing, and once that it does again: no request hears of either. */
class NotedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Logger;
  #isFailing = false;

  constructor(exporter: SpanExporter, log: Logger) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.#exporter.export(spans, (result) => {
      const hasFailed = result.code !== ExportResultCode.SUCCESS;
      if (hasFailed && !this.#isFailing)
        this.#log.warn(
          { err: result.error, remedy: 'check HUB_OTLP_URL and HUB_OTLP_HEADERS' },
          'traces cannot be sent: what does not fit into the queue is dropped',
        );
      if (!hasFailed && this.#isFailing) this.#log.info('traces can be sent again');
      this.#isFailing = hasFailed;
      done(result);
    });
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }
}
