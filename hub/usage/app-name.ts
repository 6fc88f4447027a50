// The fields of a request arrive; the name of the visitor's app leaves, from a list of ours: what strangers write of themselves is shown to nobody.

/** The first that fits: apps before the browsers that they pretend to be. */
const apps: readonly (readonly [string, RegExp])[] = [
  ['Infuse', /\bInfuse\b/i],
  ['Swiftfin', /\bSwiftfin\b/i],
  ['Streamyfin', /\bStreamyfin\b/i],
  ['Findroid', /\bFindroid\b/i],
  ['Finamp', /\bFinamp\b/i],
  ['Jellyfin Media Player', /\bJellyfin(?:MediaPlayer| Media Player| Desktop)\b/i],
  ['Jellyfin for Android', /\bJellyfin.*Android\b/i],
  ['Jellyfin for TV', /\bJellyfin.*(?:TV|Tizen|Web0S|webOS|Roku|Titan)\b/i],
  ['Jellyfin', /\bJellyfin\b/i],
  ['Emby', /\bEmby\b/i],
  ['Plex', /\bPlex/i],
  ['Phlix', /\bPhlix\b/i],
  ['Kodi', /\b(?:Kodi|XBMC)\b/i],
  ['VLC', /\b(?:VLC|LibVLC)\b/i],
  ['mpv', /\b(?:lib)?mpv\b/i],
  ['Android player', /\b(?:ExoPlayer|AndroidXMedia3|stagefright)/i],
  ['Apple player', /\b(?:AppleCoreMedia|CFNetwork)\b/i],
  ['FFmpeg', /\b(?:Lavf|FFmpeg)\b/i],
  ['Roku', /\bRoku\b/i],
];

/** Edge and Opera before Chrome, Chrome before Safari: each names those that it resembles. */
const browsers: readonly (readonly [string, RegExp])[] = [
  ['Tizen TV', /\bTizen\b/i],
  ['webOS TV', /\bWeb0S\b|\bwebOS\b/i],
  ['Chromecast', /\bCrKey\b/i],
  ['Edge', /\bEdg(?:e|A|iOS)?\//],
  ['Opera', /\bOPR\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|Chromium|CriOS)\//],
  ['Safari', /\bSafari\//],
  ['curl', /^curl\//i],
  ['Wget', /^Wget\//i],
];

/** Pages that run in a browser: they say who they are where they ask the API, and are known by the address of a film. */
const pages: readonly (readonly [string, RegExp, RegExp])[] = [
  ['Jellyfin Web', /Client="?Jellyfin Web/i, /^\/(?:videos|audio)\//i],
  ['Emby Web', /Client="?Emby Web/i, /^\/emby\/(?:videos|audio)\//i],
  ['Plex Web', /^Plex Web$/i, /[?&]X-Plex-Product=Plex(?:%20|\+)Web/i],
];
const introductions = new Set(['authorization', 'x-emby-authorization', 'x-plex-product']);

/** Longer ones are no app's: the rest of a field is not searched. */
const readCharacters = 512;

/** `fields`: [name, value, name, value, ...], names in lower case. */
export function appName({ target, fields }: { target: string; fields: readonly string[] }): string {
  const userAgent = valueOf(fields, (name) => name === 'user-agent');
  if (userAgent === '') return 'unknown';
  const app = named(apps, userAgent);
  if (app !== undefined) return app;
  const browser = named(browsers, userAgent);
  if (browser === undefined) return 'other';
  const introduction = valueOf(fields, (name) => introductions.has(name));
  const path = target.slice(0, readCharacters);
  const page = pages.find(([, says, asks]) => says.test(introduction) || asks.test(path));
  return page?.[0] ?? browser;
}

function named(list: typeof apps, text: string): string | undefined {
  return list.find(([, pattern]) => pattern.test(text))?.[0];
}

function valueOf(fields: readonly string[], isWanted: (name: string) => boolean): string {
  for (let at = 0; at + 1 < fields.length; at += 2)
    if (isWanted(fields[at] ?? '')) return (fields[at + 1] ?? '').slice(0, readCharacters);
  return '';
}
