// The fields of a response head arrive; what proves that a later answer holds the very same bytes leaves, if there is any (RFC 9110 §8.8).

import type { FieldLines } from '../visitor.ts';

export interface StrongValidator {
  readonly name: 'etag' | 'last-modified';
  /** As the origin wrote it: If-Range takes it unchanged. */
  readonly value: string;
}

/**
 * A weak tag stands for texts that mean the same, not for equal bytes, and leaves no way round it: with any tag at all a
 * date may not be sent (§13.1.5). A date without a tag is what Jellyfin and most file servers give their films.
 */
export function strongValidator(fields: FieldLines): StrongValidator | undefined {
  const tags = valuesOf(fields, 'etag');
  if (tags.length > 0) {
    const [value = ''] = tags;
    return tags.length === 1 && strongTag.test(value) ? { name: 'etag', value } : undefined;
  }
  const value = onlyValue(fields, 'last-modified');
  const [modifiedMs, sentMs] = [parseDate(value), parseDate(onlyValue(fields, 'date'))];
  if (value === undefined || modifiedMs === undefined || sentMs === undefined) return undefined;
  return sentMs - modifiedMs >= settledMs ? { name: 'last-modified', value } : undefined;
}

/** The values of all lines with this name. */
export function valuesOf(fields: FieldLines, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) values.push(fields[i + 1] as string);
  }
  return values;
}

/** Undefined when there is none, and when there are several: nobody knows which of them is meant. */
export function onlyValue(fields: FieldLines, name: string): string | undefined {
  const values = valuesOf(fields, name);
  return values.length === 1 ? values[0] : undefined;
}

/**
 * A date names a second, in which a file may change twice. §8.8.2.2 calls it strong when it is so much older than the answer that
 * no clock matters; RFC 7232 §2.2.2 named a minute, which also covers file systems that count in twos and a slow writer.
 */
const settledMs = 60_000;

const strongTag = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

/** IMF-fixdate (§5.6.7). The two obsolete forms are not worth a parser: without them there is no resume, and no harm. */
const fixdate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;

function parseDate(text: string | undefined): number | undefined {
  if (text === undefined || !fixdate.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
