// A request for a tunnel arrives with the switches of its server; the entry of the deny-list that keeps it from the origin leaves, if one does.

import type { ServerSwitches } from '../../tunnels/server.ts';
import { entriesOf, type DeniedEntry } from './entries.ts';
import { loosePath, looseText, type LoosePath } from './loose-path.ts';
import type { VisitorRequest } from '../visitor.ts';

/**
 * Holds whether there is a gate or not, for every method and for upgrades. Nothing but the path is looked at: a query
 * never denies and never allows, but for the token in it.
 */
export function deniedEntry(
  request: Pick<VisitorRequest, 'method' | 'target' | 'fields'>,
  { product, lifted }: Pick<ServerSwitches, 'product' | 'lifted'>,
): DeniedEntry | undefined {
  if (product === 'other') return undefined;
  const text = looseText(request.target);
  // Every path of the list has one of these words: nearly all requests end here.
  if (!wordsOfAll.test(text)) return undefined;
  const path = loosePath(text);
  return entriesOf(product).find(
    (entry) =>
      !entry.names.some((name) => lifted.includes(name)) &&
      isMeant(entry, request) &&
      entry.paths.some((pattern) => matches(pattern.split('/'), path)),
  );
}

const wordsOfAll = new RegExp(
  [...new Set(entriesOf(undefined).flatMap(({ paths }) => paths.map(longestWord)))].join('|'),
);

function longestWord(pattern: string): string {
  const [longest = ''] = pattern
    .replace('*', '')
    .split('/')
    .toSorted((a, b) => b.length - a.length);
  return longest;
}

function isMeant(
  entry: DeniedEntry,
  request: Pick<VisitorRequest, 'method' | 'target' | 'fields'>,
): boolean {
  if (entry.methods === 'writes' && readingMethods.has(request.method)) return false;
  return entry.holds === 'always' || !hasToken(request);
}

const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

function matches(pattern: readonly string[], path: LoosePath): boolean {
  const { words, climbs, mayNameHost } = path;
  if (climbs) return isWithin(pattern, words);
  return isAtBase(pattern, words) || (mayNameHost && isAtBase(pattern, words.slice(1)));
}

/**
 * Below the base path that the media server may have: one word alone could be the name of a film or a folder, so only
 * usual bases stand before it; two words of the list together mean what they say below any base.
 */
function isAtBase(pattern: readonly string[], words: readonly string[]): boolean {
  for (let base = 0; base + pattern.length <= words.length; base++) {
    if (pattern.every((word, at) => isWord(word, words[base + at] ?? ''))) return true;
    const next = words[base] ?? '';
    // The web client has folders of its own: Emby's has one called startup.
    if (next === 'web' || (pattern.length === 1 && !usualBases.has(next))) return false;
  }
  return false;
}

/** Jellyfin strips `emby` and `mediabrowser` itself, for old clients. */
const usualBases: ReadonlySet<string> = new Set([
  'emby',
  'jellyfin',
  'media',
  'mediabrowser',
  'phlix',
  'plex',
]);

/** Whichever words a `..` takes away: no honest client sends one. */
function isWithin(pattern: readonly string[], words: readonly string[]): boolean {
  let at = 0;
  for (const word of words) if (isWord(pattern[at] ?? '', word)) at += 1;
  return at >= pattern.length;
}

function isWord(wanted: string, word: string): boolean {
  return wanted.endsWith('*') ? word.startsWith(wanted.slice(0, -1)) : word === wanted;
}

/** In any of the places where Jellyfin and Emby look for it. Whether it is good only the media server knows. */
function hasToken({ fields, target }: Pick<VisitorRequest, 'target' | 'fields'>): boolean {
  const isInField = fields.some((name, at) => {
    const shape = at % 2 === 0 ? tokenFields.get(name) : undefined;
    return shape?.test(fields[at + 1] ?? '') === true;
  });
  if (isInField) return true;
  const query = target.indexOf('?');
  if (query < 0) return false;
  return [...new URLSearchParams(target.slice(query))].some(
    ([name, value]) => tokenParameters.has(name.toLowerCase()) && bareToken.test(value),
  );
}

const bareToken = /^[0-9a-f]{32}$/i;
const quotedToken = /\btoken="?[0-9a-f]{32}\b/i;
const tokenFields: ReadonlyMap<string, RegExp> = new Map([
  ['authorization', quotedToken],
  ['x-emby-authorization', quotedToken],
  ['x-emby-token', bareToken],
  ['x-mediabrowser-token', bareToken],
]);
const tokenParameters: ReadonlySet<string> = new Set([
  'api_key',
  'apikey',
  'x-emby-token',
  'x-mediabrowser-token',
]);
