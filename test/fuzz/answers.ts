// The bytes that a visitor got arrive; each answer leaves as the word for it: whose it is, and why.

import type { Buffer } from 'node:buffer';

import { seenMark } from './fed-edge.ts';

/** From the origin: the id of the request it answered. From anybody else: a failure's code, `hub`, or what it looked like. */
export type Answer = { readonly seen: string } | { readonly instead: string };

/** `methods`: of the requests in their order, since the answer to HEAD has no body. */
export function http1Answers(wire: Buffer, methods: readonly string[]): Answer[] {
  const text = wire.toString('latin1');
  const answers: Answer[] = [];
  for (let at = 0; at < text.length;) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd < 0) break;
    const head = text.slice(at, headEnd);
    const status = Number(head.slice(9, 12));
    at = headEnd + 4;
    if (status < 200) continue;
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const isHead = methods[answers.length] === 'HEAD';
    const end = at + (isHead || length === undefined ? 0 : Number(length));
    answers.push(isHead ? headOnly(head, status) : answerOf(text.slice(at, end), status));
    at = end;
  }
  return answers;
}

/** By stream. What has no answer and was reset is told by its code. */
export function http2Answers(wire: Buffer): Map<number, Answer> {
  const bodies = new Map<number, string>();
  const answers = new Map<number, Answer>();
  for (let at = 0; at + 9 <= wire.length; at += 9 + wire.readUIntBE(at, 3)) {
    const [type, stream] = [wire.readUInt8(at + 3), wire.readUInt32BE(at + 5)];
    const payload = wire.subarray(at + 9, at + 9 + wire.readUIntBE(at, 3));
    if (type === 0) bodies.set(stream, (bodies.get(stream) ?? '') + payload.toString('latin1'));
    else if (type === 3 && !bodies.has(stream))
      answers.set(stream, { instead: `reset ${payload.readUInt32BE(0)}` });
    else if (type === 7) answers.set(0, { instead: `goaway ${payload.readUInt32BE(4)}` });
  }
  for (const [stream, body] of bodies) answers.set(stream, answerOf(body, undefined));
  return answers;
}

function answerOf(body: string, status: number | undefined): Answer {
  const [, seen] = seenMark.exec(body) ?? [];
  if (seen !== undefined) return { seen };
  const [code] = /\b(?:edge|tunnel|origin)\.[a-z]+(?:-[a-z]+)*\b/.exec(body) ?? [];
  return { instead: code ?? (body === 'hub' ? 'hub' : `cut behind the head, ${status ?? '?'}`) };
}

/** The origin's answers to HEAD can only be told from ours by their length: ids have one, and codes vary. */
function headOnly(head: string, status: number): Answer {
  return { instead: `HEAD ${status}${/problem\+json/.test(head) ? ' problem' : ''}` };
}
