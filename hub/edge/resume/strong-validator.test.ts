import { describe, expect, test } from 'vitest';
import { strongValidator } from './strong-validator.ts';

const modified = ['last-modified', 'Sat, 21 Nov 2026 08:00:00 GMT'];
const sent = (date: string): string[] => [...modified, 'date', date];

describe('a strong validator', () => {
  test.each([
    ['a strong tag', ['etag', '"a-1"'], 'etag'],
    ['an empty tag, which is one', ['etag', '""'], 'etag'],
    ['a strong tag beside a date', ['etag', '"a"', ...modified], 'etag'],
    [
      'a date that is a minute older than the answer',
      sent('Sat, 21 Nov 2026 08:01:00 GMT'),
      'last-modified',
    ],
  ])('is %s', (_, fields, name) => {
    expect(strongValidator(fields)?.name).toBe(name);
    expect(fields).toContain(strongValidator(fields)?.value);
  });

  test.each<[string, string[]]>([
    ['nothing at all', []],
    ['a weak tag', ['etag', 'W/"a"']],
    [
      'a weak tag beside a strong date',
      ['etag', 'W/"a"', ...sent('Sat, 21 Nov 2026 09:00:00 GMT')],
    ],
    ['a tag without quotes', ['etag', 'a']],
    ['a tag with a quote inside', ['etag', '"a"b"']],
    ['a tag with a space inside', ['etag', '"a b"']],
    ['two tags', ['etag', '"a"', 'etag', '"a"']],
    ['a list of tags', ['etag', '"a", "b"']],
    ['a date alone', modified],
    ['a date as young as the answer', sent('Sat, 21 Nov 2026 08:00:59 GMT')],
    ['a date after the answer', sent('Sat, 21 Nov 2026 07:00:00 GMT')],
    [
      'an obsolete form of date',
      [
        'last-modified',
        'Saturday, 21-Nov-26 08:00:00 GMT',
        ...sent('Sat, 21 Nov 2026 09:00:00 GMT').slice(2),
      ],
    ],
    [
      'no such day',
      ['last-modified', 'Sat, 99 Nov 2026 08:00:00 GMT', 'date', 'Sat, 21 Nov 2026 09:00:00 GMT'],
    ],
    ['two dates', [...modified, ...sent('Sat, 21 Nov 2026 09:00:00 GMT')]],
  ])('is not %s', (_, fields) => {
    expect(strongValidator(fields)).toBeUndefined();
  });
});
