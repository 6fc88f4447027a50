// A message and a target's address and secret arrive; the one request leaves that tells its receiver: signed JSON, or what ntfy and Gotify read (row A-22).

import { createHmac } from 'node:crypto';

import type { Message } from './message.ts';
import type { TargetKind } from './target.ts';

export interface Destination {
  readonly address: string;
  /** Of a webhook the key of its signatures; of ntfy and Gotify their token. */
  readonly secret: string | undefined;
}

export interface OutgoingRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type RequestKind = Exclude<TargetKind, 'mail'>;

export function requestFor(
  kind: RequestKind,
  destination: Destination,
  message: Message,
  now: Date,
): OutgoingRequest {
  return requests[kind](destination, message, now);
}

/** `v1=` and HMAC-SHA-256 in hex over `<timestamp>.<body>`; receivers refuse a timestamp (seconds) that is off by more than 5 minutes. */
export function webhookSignature(secret: string, timestamp: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${timestamp}.${body}`, 'utf8');
  return `v1=${mac.digest('hex')}`;
}

const requests: Readonly<
  Record<RequestKind, (to: Destination, message: Message, now: Date) => OutgoingRequest>
> = {
  webhook: ({ address, secret = '' }, message, now) => {
    const { id, kind, at, hub, title, lines, facts } = message;
    const body = JSON.stringify({ id, kind, at, hub, title, text: lines.join('\n'), facts });
    const timestamp = Math.floor(now.getTime() / 1000);
    return {
      url: address,
      headers: {
        'content-type': 'application/json',
        'x-phlix-timestamp': String(timestamp),
        'x-phlix-signature': webhookSignature(secret, timestamp, body),
      },
      body,
    };
  },
  // ntfy's JSON goes to the server itself, with the topic inside; headers could not carry every title.
  ntfy: ({ address, secret }, { title, lines, urgency }) => {
    const url = new URL(address);
    const topic = url.pathname.split('/').findLast((part) => part !== '') ?? '';
    url.pathname = url.pathname.replace(/[^/]+\/?$/, '');
    return {
      url: url.href,
      headers: {
        'content-type': 'application/json',
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      },
      body: JSON.stringify({
        topic: decodeURIComponent(topic),
        title,
        message: lines.join('\n'),
        priority: { low: 2, normal: 3, high: 4 }[urgency],
      }),
    };
  },
  gotify: ({ address, secret = '' }, { title, lines, urgency }) => ({
    url: new URL('message', address.endsWith('/') ? address : `${address}/`).href,
    headers: { 'content-type': 'application/json', 'x-gotify-key': secret },
    body: JSON.stringify({
      title,
      message: lines.join('\n'),
      priority: { low: 2, normal: 5, high: 8 }[urgency],
    }),
  }),
};
