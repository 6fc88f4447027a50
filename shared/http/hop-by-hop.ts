// Field lines of one connection arrive; those meant for the far end leave (RFC 9110 §7.6.1). Used in both directions.

import type { FieldLines } from './field-section.ts';

/** RFC 9110 §7.6.1, and the proxy fields of RFC 9110 §11.7, which speak to us and not to the other side. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** The end-to-end fields: without the hop-by-hop ones and without those that any Connection line names. */
export function endToEndFields(fields: FieldLines): FieldLines {
  const named = connectionOptions(fields);
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (hopByHop.has(name) || named?.has(name)) continue;
    kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/**
 * Fields that decide framing, routing, credentials or how the body is read: a trailer must not set them behind the
 * back of whoever already acted on the head (RFC 9110 §6.5.1).
 */
const neverTrailers: ReadonlySet<string> = new Set([
  ...hopByHop,
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-security-policy',
  'content-type',
  'cookie',
  'date',
  'expires',
  'host',
  'location',
  'retry-after',
  'set-cookie',
  'strict-transport-security',
  'trailer',
  'vary',
  'www-authenticate',
]);

/** The trailers that may go on: none that belong in a head, and only announced ones when `announced` (the Trailer lines) is given. */
export function endToEndTrailers(
  trailers: FieldLines,
  announced?: ReadonlySet<string>,
): FieldLines {
  const kept: string[] = [];
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string;
    if (neverTrailers.has(name) || announced?.has(name) === false) continue;
    kept.push(name, trailers[i + 1] as string);
  }
  return kept;
}

/** The names that the list fields called `name` hold, in lower case. */
export function listedNames(fields: FieldLines, name: string): Set<string> {
  const names = new Set<string>();
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    for (const item of (fields[i + 1] as string).split(',')) names.add(item.trim().toLowerCase());
  }
  return names;
}

/** Undefined in the two cases that nearly every message is: no Connection line, or one that names no field. */
function connectionOptions(fields: FieldLines): ReadonlySet<string> | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'connection') continue;
    const value = fields[i + 1];
    if (value !== 'keep-alive' && value !== 'close') return listedNames(fields, 'connection');
  }
  return undefined;
}
