// A case's frames arrive; they go through the edge, and the counts of what came of its streams leave.

import type { Buffer } from 'node:buffer';

import { http2Answers, type Answer } from './answers.ts';
import type { Campaign, Tally } from './campaign.ts';
import { FedEdge } from './fed-edge.ts';
import { http2Case } from './http2-cases.ts';
import { checkPassage, meaningOf, reachedOrigin, type Meaning } from './judgement.ts';
import { readHttp2, type Http2Message } from './readers/http2.ts';
import { LlhttpReader } from './readers/llhttp.ts';

export class Http2Campaign implements Campaign {
  readonly #edge = new FedEdge();
  readonly #origins = new LlhttpReader({ upgrades: false });
  readonly canShrink = false;
  #messages: ReadonlyMap<number, Http2Message> | undefined;

  make: Campaign['make'] = (random) => {
    const { frames, messages } = http2Case(random);
    this.#messages = messages;
    return [...frames];
  };

  async judge(pieces: readonly Buffer[], tally: Tally): Promise<void> {
    const messages = this.#messages;
    const visit = await this.#edge.visit(pieces, 'h2');
    const answers = http2Answers(visit.answer);
    const reached = await reachedOrigin(visit, this.#origins);
    tally.add('requests at the origin', reached.size);
    for (const answer of answers.values())
      tally.add('instead' in answer ? answer.instead : 'answered', 1);
    if (messages === undefined) {
      tally.add('connections with damaged frames', 1);
      return;
    }
    const sent: (Meaning | undefined)[] = [];
    const got: (Answer | undefined)[] = [];
    for (const [stream, message] of messages) {
      sent.push(meantBy(message));
      got.push(answers.get(stream));
    }
    checkPassage(sent, got, reached);
  }

  stop(): void {
    this.#edge.stop();
  }
}

function meantBy(message: Http2Message): Meaning | undefined {
  const read = readHttp2(message);
  if (read === 'malformed' || read === 'unfinished') return undefined;
  const { method, path, authority, body } = read;
  const [, absolute] = /^https?:\/\/[^/?]*(.*)$/i.exec(path) ?? [];
  const target =
    absolute === undefined || absolute.startsWith('/') ? (absolute ?? path) : `/${absolute}`;
  return meaningOf(method, target, authority, body);
}
