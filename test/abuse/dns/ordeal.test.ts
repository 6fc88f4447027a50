import { describe, expect, it } from 'vitest';

import { hasParts } from '../../support/parts.ts';
import { tableOf } from '../report.ts';
import { runDnsOrdeals } from './ordeal.ts';

describe.skipIf(!hasParts('pebble'))('a hub whose responder is under fire', () => {
  it(
    'shows its film without a break, and answers rightly afterwards',
    { timeout: 180_000 },
    async () => {
      const lines: string[] = [];
      const { ordeals, films, complaints } = await runDnsOrdeals({
        seconds: 0.5,
        isWanted: () => true,
        say: (line) => lines.push(line),
      });
      process.stdout.write(`${lines.join('\n')}\n${tableOf(ordeals)}\n`);
      expect(complaints).toEqual([]);
      expect(films).toMatchObject([
        { isExact: true, isCut: false },
        { isExact: true, isCut: false },
      ]);
      const ends = ordeals[1]?.ends;
      expect(ends?.['sent']).toBe(20_000);
      // Loopback loses nothing that was read; a kernel buffer may on a busy machine.
      expect(ends?.['answered']).toBeGreaterThan((ends?.['to be answered'] ?? 0) * 0.9);
    },
  );
});
