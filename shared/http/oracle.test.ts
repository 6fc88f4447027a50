import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../test/support/random.ts';
import {
  damagedResponse,
  readResponse,
  readResponseByNode,
  wholeResponses,
  type ResponseReading,
} from '../../test/support/response-readings.ts';
import { MessageError } from './field-section.ts';

// llhttp, through node:http, reads the same bytes: whatever we accept, it accepts, and means the same by it.

function readOurs(method: string, chunks: readonly Buffer[]): ResponseReading | undefined {
  try {
    return readResponse(method, chunks);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
}

describe('beside llhttp', () => {
  test.each(wholeResponses)('both read %j alike', async (text) => {
    const wire = Buffer.from(text, 'latin1');
    const ours = readOurs('GET', [wire]);
    expect(ours).toBeDefined();
    expect(await readResponseByNode('GET', [wire])).toEqual(ours);
  });

  const cases = Number(process.env['HTTP_ORACLE_CASES'] ?? 20_000);
  const seed = Number(process.env['HTTP_ORACLE_SEED'] ?? 1);
  test(
    `nothing out of ${cases} damaged responses is accepted here and refused, or read otherwise, there (seed ${seed})`,
    { timeout: 60_000 + cases * 5 },
    async () => {
      const random = seededRandom(seed);
      let accepted = 0;
      for (let i = 0; i < cases; i++) {
        const { method, chunks } = damagedResponse(random);
        const ours = readOurs(method, chunks);
        if (ours === undefined) continue;
        accepted++;
        const text = Buffer.concat(chunks).toString('latin1');
        const theirs = await readResponseByNode(method, chunks);
        expect({ text, method, read: theirs }).toEqual({ text, method, read: ours });
      }
      // A parser that refused everything would pass too.
      expect(accepted).toBeGreaterThan(cases / 20);
    },
  );
});
