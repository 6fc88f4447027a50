import { Buffer } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { seededRandom } from '../support/random.ts';
import { Tally } from './campaign.ts';
import { campaignNames, openCampaign, type CampaignName } from './campaigns.ts';
import { FedEdge, host } from './fed-edge.ts';
import { checkPassage, Disagreement, reachedOrigin } from './judgement.ts';
import { LlhttpReader } from './readers/llhttp.ts';
import { shrink } from './shrink.ts';

const wire = (text: string): Buffer => Buffer.from(text, 'latin1');
const vouched = `x-request-id: 019a5b3c-0000-7000-8000-000000000001\r\nx-forwarded-host: ${host}\r\nx-forwarded-proto: https\r\nx-forwarded-for: 203.0.113.7\r\n`;

/** What the judge says of a stream that an edge wrote. */
async function judged(stream: string): Promise<number> {
  const reader = new LlhttpReader({ upgrades: false });
  const visit = { answer: Buffer.alloc(0), streams: [wire(stream)] };
  return (await reachedOrigin(visit, reader)).size;
}

describe('what reaches the origin', () => {
  const cases: Record<CampaignName, number> = { corpus: 300, http1: 300, http2: 200, responses: 0 };
  it.each(campaignNames.filter((name) => name !== 'responses'))(
    'is what the visitor sent, to every reader: %s',
    async (name) => {
      const campaign = openCampaign(name);
      const tally = new Tally();
      for (let at = 0; at < cases[name]; at += 1) {
        // A prime step walks through the whole of the list.
        const pieces = campaign.make(seededRandom(at), at * 7);
        await campaign.judge(pieces, tally);
      }
      campaign.stop();
      // An edge that refused everything would pass too.
      expect(tally.counts['answered']).toBeGreaterThan(cases[name] / 20);
      expect(tally.counts['edge.bad-request']).toBeGreaterThan(0);
    },
  );
});

describe('the judge', () => {
  it('takes one clean request for one', async () => {
    expect(await judged(`GET / HTTP/1.1\r\nhost: ${host}\r\n${vouched}\r\n`)).toBe(1);
  });

  it.each([
    ['two framings', 'content-length: 5\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\nG'],
    ['a coding that not all know', 'transfer-encoding: xchunked\r\n', '0\r\n\r\n'],
    ['two lengths', 'content-length: 1\r\ncontent-length: 2\r\n', 'ab'],
    ['a length in other signs', 'content_length: 2\r\ncontent-length: 1\r\n', 'a'],
    ['a bare line feed', 'x: y\ncontent-length: 1\r\n', ''],
    ['a second id', 'x-request-id: mine\r\n', ''],
    ['a second host', 'host: other\r\n', ''],
    ['another forwarded host', 'x_forwarded_host: other\r\n', ''],
    ['a field of the visitor’s hop', 'te: trailers\r\n', ''],
  ])('notices %s', async (_what, lines, body) => {
    const stream = `POST / HTTP/1.1\r\nhost: ${host}\r\n${vouched}${lines}\r\n${body}`;
    await expect(judged(stream)).rejects.toThrow(Disagreement);
  });

  it('notices a request that nobody sent, and an answer to another one', () => {
    const reached = new Map([['id', 'GET /smuggled']]);
    expect(() => checkPassage(['GET /'], [undefined], reached)).toThrow(/nobody asked/);
    expect(() => checkPassage(['GET /'], [{ seen: 'id' }], reached)).toThrow(/was asked/);
    expect(() => checkPassage(['GET /'], [{ seen: 'other' }], reached)).toThrow(/to nothing/);
    expect(() => checkPassage(['GET /smuggled'], [{ seen: 'id' }], reached)).not.toThrow();
  });
});

describe('a visit', () => {
  it('shows both what the visitor got and what the origin got', async () => {
    const edge = new FedEdge();
    const request = `GET /a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const { answer, streams } = await edge.visit([wire(request)], 'http/1.1');
    edge.stop();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 [^]*seen [0-9a-f-]{36}$/);
    expect(streams).toHaveLength(1);
    expect(streams[0]?.toString()).toMatch(/^GET \/a HTTP\/1\.1\r\nhost: /);
  });
});

describe('a case that fails', () => {
  it('shrinks to what makes it fail', async () => {
    const [small] = await shrink([wire('xxxxaxxxx'), wire('xxxbxxxx')], async (pieces) =>
      /a[^]*b/.test(Buffer.concat(pieces).toString()),
    );
    expect(small?.toString()).toBe('ab');
  });
});
