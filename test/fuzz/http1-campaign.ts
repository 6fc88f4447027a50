// A case's bytes arrive; they go through the edge, and the counts of what came of them leave.

import { Buffer } from 'node:buffer';

import { http1Answers } from './answers.ts';
import type { Campaign, Tally } from './campaign.ts';
import { FedEdge } from './fed-edge.ts';
import { cutAnywhere, http1Corpus, http1Wire } from './http1-cases.ts';
import { checkPassage, meaningOf, reachedOrigin, type Meaning } from './judgement.ts';
import { LlhttpReader } from './readers/llhttp.ts';
import type { ReadRequest } from './readers/reading.ts';

export class Http1Campaign implements Campaign {
  readonly #edge = new FedEdge();
  readonly #visitors = new LlhttpReader({ upgrades: true });
  readonly #origins = new LlhttpReader({ upgrades: false });

  readonly #corpus: readonly string[];
  readonly canShrink = true;

  /** `corpus`: the listed cases in their order, and then from the start with other cuts. */
  constructor(source: 'random' | 'corpus') {
    this.#corpus = source === 'corpus' ? http1Corpus() : [];
  }

  make: Campaign['make'] = (random, at) => {
    const wire = this.#corpus[at % this.#corpus.length] ?? http1Wire(random);
    return cutAnywhere(Buffer.from(wire, 'latin1'), random);
  };

  async judge(pieces: readonly Buffer[], tally: Tally): Promise<void> {
    const visit = await this.#edge.visit(pieces, 'http/1.1');
    const { requests: whole, cut } = await this.#visitors.read(...pieces);
    // Without the body that is dropped it is whole.
    const requests = cut !== undefined && isBodiless(cut) ? [...whole, cut] : whole;
    const answers = http1Answers(
      visit.answer,
      requests.map(({ method }) => method),
    );
    const reached = await reachedOrigin(visit, this.#origins);
    tally.add('requests at the origin', reached.size);
    for (const answer of answers) tally.add('instead' in answer ? answer.instead : 'answered', 1);
    if (answers.length === 0) tally.add('no answer', 1);
    checkPassage(requests.map(meantBy), answers, reached);
  }

  stop(): void {
    this.#edge.stop();
  }
}

/** RFC 9112 §3.2.2: an absolute target goes on as its path. Bodies of GET and HEAD are dropped. */
function meantBy(request: ReadRequest): Meaning {
  const { method, target, hosts, body } = request;
  const [, path] = /^https?:\/\/[^/?]*(.*)$/i.exec(target) ?? [];
  const origin = path === undefined || path.startsWith('/') ? (path ?? target) : `/${path}`;
  const authority = (hosts[0] ?? '').toLowerCase().replace(/\.(?=$|:)/, '');
  return meaningOf(method, origin, authority, isBodiless(request) ? '' : body);
}

function isBodiless({ method }: ReadRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}
