// Spans arrive by OTLP over HTTP, as a collector would get them; they leave as a list that a test can wait for.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

import { within } from './deadline.ts';

export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2: server, 3: client. */
  readonly kind: number;
  /** Of the resource. */
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly SentSpan[];
  readonly heads: readonly IncomingHttpHeaders[];
  span(isWanted: (span: SentSpan) => boolean): Promise<SentSpan>;
  stop(): Promise<void>;
}

type Value = Readonly<Record<string, unknown>>;

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<SentSpan, 'attributes' | 'parentSpanId'> & {
        readonly parentSpanId?: string;
        readonly attributes: readonly Attribute[];
      })[];
    }[];
  }[];
}

const patienceMs = 15_000;

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: SentSpan[] = [];
  const heads: IncomingHttpHeaders[] = [];
  let wake = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      heads.push(request.headers);
      if (request.url === '/v1/traces') spans.push(...spansIn(JSON.parse(text) as Sent));
      response.setHeader('content-type', 'application/json').end('{}');
      wake.resolve();
      wake = Promise.withResolvers();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const find = async (isWanted: (span: SentSpan) => boolean): Promise<SentSpan> => {
    for (;;) {
      const found = spans.find(isWanted);
      if (found !== undefined) return found;
      await wake.promise;
    }
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    heads,
    span: async (isWanted) =>
      within(find(isWanted), patienceMs, () => `of ${spans.length} spans none is the one`),
    async stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function spansIn({ resourceSpans }: Sent): SentSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        ...span,
        parentSpanId: span.parentSpanId ?? '',
        service: String(attributesIn(resource.attributes)['service.name']),
        attributes: attributesIn(span.attributes),
      })),
    ),
  );
}

function attributesIn(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
