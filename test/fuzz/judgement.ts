// A visit and what strict readers make of it arrive; how often each thing happened leaves, or the sentence about the first disagreement.

import type { Buffer } from 'node:buffer';

import { host, visitorAddress, type Visit } from './fed-edge.ts';
import type { LlhttpReader } from './readers/llhttp.ts';
import { naiveReaders, readNaively } from './readers/naive.ts';
import { valuesOf, type Reading, type ReadRequest } from './readers/reading.ts';
import type { Answer } from './answers.ts';

/** Readers of one connection disagree, or the edge passed on what nobody sent. */
export class Disagreement extends Error {}

/** What a request means, in one line: equal lines mean the same. */
export type Meaning = string;

export function meaningOf(
  method: string,
  target: string,
  authority: string,
  body: string,
): Meaning {
  return JSON.stringify([method, target, authority, body]);
}

/**
 * All whole requests that reached the origin, by the id that the hub gave each.
 * @throws Disagreement when two readers see different ones, or one breaks what the hub promises of every request
 */
export async function reachedOrigin(
  { streams }: Visit,
  llhttp: LlhttpReader,
): Promise<Map<string, Meaning>> {
  const reached = new Map<string, Meaning>();
  for (const stream of streams) {
    const strict = await llhttp.read(stream);
    for (const [name, rules] of naiveReaders)
      compare(strict, readNaively(stream.toString('latin1'), rules), name, stream);
    for (const request of strict.requests) {
      const id = checkFields(request);
      if (reached.has(id)) throw new Disagreement(`two requests have the id ${id}`);
      const [authority = ''] = request.hosts;
      reached.set(id, meaningOf(request.method, request.target, authority, request.body));
    }
  }
  return reached;
}

function compare(strict: Reading, naive: Reading, name: string, wire: Buffer): void {
  const [theirs, ours] = [summary(strict), summary(naive)];
  if (theirs === ours) return;
  throw new Disagreement(
    `at the origin llhttp reads\n  ${theirs}\nand a reader that believes "${name}"\n  ${ours}\nin ${JSON.stringify(wire.toString('latin1'))}`,
  );
}

function summary({ requests, end }: Reading): string {
  const seen = requests.map(({ method, target, hosts, body }) => [method, target, hosts, body]);
  return JSON.stringify([...seen, end]);
}

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The id. Names are compared as a careless server folds them: exactly one of each that the hub vouches for. */
function checkFields({ fields, hosts }: ReadRequest): string {
  const folded = fields.map((text, at) => (at % 2 === 0 ? text.replaceAll(/[_.]/g, '-') : text));
  const only = (name: string): string => {
    const values = valuesOf(folded, name);
    if (values.length !== 1)
      throw new Disagreement(`${values.length} of ${name}: ${fields.join('|')}`);
    return values[0] ?? '';
  };
  const id = only('x-request-id');
  if (!idPattern.test(id)) throw new Disagreement(`an id that is not the hub's: ${id}`);
  const authority = only('host');
  const isVouched =
    hosts.length === 1 &&
    authority.replace(/:\d+$/, '') === host &&
    only('x-forwarded-host') === authority &&
    only('x-forwarded-proto') === 'https' &&
    only('x-forwarded-for') === visitorAddress;
  if (!isVouched)
    throw new Disagreement(`fields that the hub does not vouch for: ${fields.join('|')}`);
  // Word for word what the hub writes itself, or nothing at all.
  const [te, option] = [valuesOf(folded, 'te'), valuesOf(folded, 'connection')].map(String);
  if (te !== '' && (te !== 'trailers' || option !== 'TE'))
    throw new Disagreement(`te is passed on: ${fields.join('|')}`);
  for (const name of ['trailer', 'keep-alive', 'proxy-connection', 'http2-settings', 'expect'])
    if (valuesOf(folded, name).length > 0)
      throw new Disagreement(`${name} is passed on: ${fields.join('|')}`);
  return id;
}

/**
 * Each answer of the origin belongs to the request that the visitor sent for it, and nothing reached the origin that the
 * visitor did not send. `sent`: undefined where the visitor sent no request that may be passed on.
 * @throws Disagreement
 */
export function checkPassage(
  sent: readonly (Meaning | undefined)[],
  answers: readonly (Answer | undefined)[],
  reached: ReadonlyMap<string, Meaning>,
): void {
  const unanswered = new Map(reached);
  const left: Meaning[] = [];
  for (let at = 0; at < Math.max(sent.length, answers.length); at += 1) {
    const [meant, answer] = [sent[at], answers[at]];
    if (answer === undefined || 'instead' in answer) {
      if (meant !== undefined) left.push(meant);
      continue;
    }
    const meaning = reached.get(answer.seen);
    if (meaning === undefined) throw new Disagreement(`an answer to nothing: ${answer.seen}`);
    if (meaning !== meant)
      throw new Disagreement(
        `the visitor asked\n  ${meant}\nand the origin was asked\n  ${meaning}`,
      );
    unanswered.delete(answer.seen);
  }
  // Passed on, and the connection ended before the answer, or its answer has no body to tell by.
  for (const meaning of unanswered.values()) {
    const at = left.indexOf(meaning);
    if (at < 0) throw new Disagreement(`nobody asked what the origin was asked:\n  ${meaning}`);
    left.splice(at, 1);
  }
}
