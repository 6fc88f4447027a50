// A visitor's request arrives as the edge knows it; the part leaves that records may be made of. Its path and its query are not among it: only their class is.

import { pathClassOf } from '../usage/content.ts';
import type { PathClass } from '../usage/live-stream.ts';

export interface WatchedRequest {
  /** UUIDv7, which the origin and error pages name too. */
  readonly id: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly hostname: string;
  readonly httpVersion: '1.0' | '1.1' | '2';
  readonly scheme: 'https' | 'http';
  /** Undefined: a trusted proxy did not say. */
  readonly clientAddress: string | undefined;
  /** Names in lower case: [name, value, name, value, ...]. */
  readonly fields: readonly string[];
}

/** 101: it is a WebSocket, whatever its path looks like. */
export function classOf({ target }: WatchedRequest, status: number | undefined): PathClass {
  return status === 101 ? 'socket' : pathClassOf(target);
}

/** Undefined for any word of a visitor's own: it might say anything, and be another one each time. */
export function knownMethod({ method }: WatchedRequest): string | undefined {
  return knownMethods.has(method) ? method : undefined;
}

/** RFC 9110 §9, and PATCH. */
const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
]);
