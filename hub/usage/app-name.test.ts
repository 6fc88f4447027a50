import { expect, test } from 'vitest';

import { appName } from './app-name.ts';
import { kindOf, pathClassOf } from './content.ts';

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';

test.each([
  ['Infuse-Direct/8.1.5', 'Infuse'],
  ['Swiftfin iOS/1.3 CFNetwork/1490', 'Swiftfin'],
  ['Kodi/21.0 (X11; Linux x86_64) Ubuntu/22.04', 'Kodi'],
  ['VLC/3.0.20 LibVLC/3.0.20', 'VLC'],
  ['PlexMediaPlayer/2.58', 'Plex'],
  ['Emby/3.3 (Android TV)', 'Emby'],
  ['Phlix/0.4', 'Phlix'],
  ['Jellyfin Android/2.6', 'Jellyfin for Android'],
  ['Dalvik/2.1.0 ExoPlayerLib/2.19', 'Android player'],
  ['AppleCoreMedia/1.0.0.21F79 (iPhone; U; CPU OS 17_5)', 'Apple player'],
  [firefox, 'Firefox'],
  [chrome, 'Chrome'],
  [`${chrome} Edg/126.0.0.0`, 'Edge'],
  [`${chrome} OPR/112.0`, 'Opera'],
  [
    'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
    'Safari',
  ],
  [
    'Mozilla/5.0 (SMART-TV; LINUX; Tizen 7.0) AppleWebKit/537.36 Chrome/94 TV Safari/537.36',
    'Tizen TV',
  ],
  ['curl/8.5.0', 'curl'],
  ['<script>alert(1)</script>', 'other'],
  ['', 'unknown'],
])('%j is %s', (userAgent, app) => {
  expect(appName({ target: '/', fields: ['user-agent', userAgent] })).toBe(app);
});

test('pages in a browser are known by what they say to the API, and by the address of a film', () => {
  const says = 'MediaBrowser Client="Jellyfin Web", Device="Firefox", Token="secret"';
  const fields = ['authorization', says, 'user-agent', firefox];
  expect(appName({ target: '/Items', fields })).toBe('Jellyfin Web');
  const film = { target: '/Videos/1/stream.mp4', fields: ['user-agent', firefox] };
  expect(appName(film)).toBe('Jellyfin Web');
  expect(appName({ target: '/x?X-Plex-Product=Plex%20Web', fields })).toBe('Jellyfin Web');
});

test.each([
  [200, 'video/mp4', 'video'],
  [206, 'audio/flac', 'audio'],
  [200, 'application/vnd.apple.mpegurl', 'video'],
  [200, 'text/html; charset=utf-8', 'page'],
  [200, 'application/json', 'page'],
  [200, 'image/webp', 'image'],
  [200, 'application/octet-stream', 'file'],
  [204, undefined, 'file'],
  [101, undefined, 'socket'],
] as const)('%i with %s is a %s', (status, type, kind) => {
  expect(kindOf(status, type)).toBe(kind);
});

test.each([
  ['/Videos/5f/stream.mkv?api_key=x', 'playback'],
  ['/emby/Audio/1/universal', 'playback'],
  ['/library/parts/12/file.mkv', 'playback'],
  ['/films/hls/1/segment.ts', 'playback'],
  ['/Items/1/Images/Primary?tag=y', 'image'],
  ['/web/index.html', 'web'],
  ['/', 'web'],
  ['/System/Info/Public', 'api'],
  ['/socket?deviceId=z', 'socket'],
  ['/my-private-folder/x', 'other'],
])('%s is for %s', (target, path) => {
  expect(pathClassOf(target)).toBe(path);
});
