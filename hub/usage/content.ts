// A status, a content type or a target arrives; the class leaves that may be shown and kept. Of the path itself nothing stays.

import type { PathClass, StreamKind } from './live-stream.ts';

export function kindOf(status: number, contentType: string | undefined): StreamKind {
  if (status === 101) return 'socket';
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const family = type.slice(0, type.indexOf('/'));
  if (family === 'video' || family === 'audio' || family === 'image') return family;
  // HLS and DASH playlists, whatever family they were registered in.
  if (type.includes('mpegurl') || type === 'application/dash+xml') return 'video';
  return family === 'text' || pageTypes.has(type) ? 'page' : 'file';
}

const pageTypes = new Set([
  'application/json',
  'application/problem+json',
  'application/javascript',
  'application/xml',
  'application/xhtml+xml',
  'application/manifest+json',
]);

/** Asked of the path only, query and fragment cut off: the first that fits. */
const pathClasses: readonly (readonly [PathClass, RegExp])[] = [
  ['socket', /^\/(?:socket|websocket|:\/websockets|embywebsocket|ws)(?:\/|$)/i],
  ['image', /\/(?:images?|photo|thumb|poster|art)(?:\/|$)|\.(?:png|jpe?g|webp|avif|gif|svg|ico)$/i],
  [
    'playback',
    /^\/(?:emby\/|mediabrowser\/)?(?:videos|audio|items\/[^/]+\/download|livetv\/livestreamfiles)\/|^\/library\/parts\/|\/transcode\/|\/hls\d?\/|\.(?:m3u8|mpd|ts|m4s|mp4|mkv|webm|avi|mov|mp3|flac|m4a|aac|ogg|opus)$/i,
  ],
  ['web', /^\/(?:$|web(?:\/|$)|assets\/|static\/)|\.(?:html?|css|js|mjs|map|woff2?|json)$/i],
  [
    'api',
    /^\/(?:api|emby|mediabrowser|system|users|items|sessions|library|playback|shows|movies|branding|quickconnect|displaypreferences|localization|plugins|playqueues|hubs|identity|status|:)(?:\/|$)/i,
  ],
];

export function pathClassOf(target: string): PathClass {
  const path = target.split(/[?#]/, 1)[0] ?? '';
  return pathClasses.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other';
}
