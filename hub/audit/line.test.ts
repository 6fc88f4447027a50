import { expect, test } from 'vitest';

import type { NotableEvent } from './event.ts';
import { beginning, entryLine, readLine } from './line.ts';

test('a line that a later version wrote is a line: whoever goes back to this one has a whole log', () => {
  const event = 'cloud.seeded-twice' as NotableEvent;
  const { text } = entryLine({ event, actor: 'system', result: 'ok' }, new Date(), beginning);
  expect(readLine(text.trimEnd())).toMatchObject({ isIntact: true, record: { seq: 1, event } });
});

test.each(['', 'no-area', 'Hub.started', 'hub.', 'hub..started', 'hub.started '])(
  '"%s" is no event',
  (name) => {
    const { text } = entryLine(
      { event: name as NotableEvent, actor: 'system', result: 'ok' },
      new Date(),
      beginning,
    );
    expect(readLine(text.trimEnd())).toBeUndefined();
  },
);
