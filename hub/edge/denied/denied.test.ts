import { readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { anySpelling, spellings } from '../../../test/support/spellings.ts';
import { defaultSwitches, type ServerSwitches } from '../../tunnels/server.ts';
import { deniedEntryNames } from './entries.ts';
import { deniedEntry } from './denied.ts';

const token = '0123456789abcdef0123456789abcdef';

interface Asked {
  readonly method?: string;
  readonly fields?: readonly string[];
  readonly switches?: Partial<ServerSwitches>;
}

function nameFor(target: string, { method = 'GET', fields = [], switches }: Asked = {}) {
  return deniedEntry({ method, target, fields }, { ...defaultSwitches, ...switches })?.names[0];
}

const listed: readonly [entry: string, path: string, method?: string][] = [
  ['jellyfin.restart', '/System/Restart', 'POST'],
  ['jellyfin.shutdown', '/System/Shutdown', 'POST'],
  ['jellyfin.startup', '/Startup'],
  ['jellyfin.startup', '/Startup/Complete', 'POST'],
  ['jellyfin.startup', '/Startup/User'],
  ['jellyfin.metrics', '/metrics'],
  ['jellyfin.forgot-password', '/Users/ForgotPassword', 'POST'],
  ['jellyfin.forgot-password', '/Users/ForgotPassword/Pin', 'POST'],
  ['jellyfin.environment', '/Environment/DirectoryContents'],
  ['jellyfin.environment', '/Environment/Drives'],
  ['jellyfin.dlna', '/Dlna/0/contentdirectory/control', 'POST'],
  ['jellyfin.configuration-pages', '/web/ConfigurationPage'],
  ['jellyfin.configuration-pages', '/web/ConfigurationPages'],
  ['jellyfin.configuration-pages', '/Dashboard/ConfigurationPages'],
  ['plex.preferences', '/:/prefs', 'PUT'],
  ['plex.claim', '/myplex/claim', 'POST'],
  ['plex.diagnostics', '/diagnostics/databases'],
  ['phlix.admin', '/admin'],
  ['phlix.admin', '/api/v1/admin/users'],
  ['phlix.setup', '/setup'],
];

describe.each(listed)('%s keeps %s from the media server', (entry, path, method = 'GET') => {
  test.each([...spellings(path)])('%s', (_how, target) => {
    expect(nameFor(target, { method })).toBe(entry);
  });

  test('however it is mixed', () => {
    const property = fc.property(
      anySpelling(path),
      (target) => nameFor(target, { method }) === entry,
    );
    expect(() => fc.assert(property, { numRuns: 300 })).not.toThrow();
  });

  test.each(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH', 'get', 'PROPFIND'])(
    'by %s',
    (other) => {
      const isRead = ['GET', 'HEAD', 'OPTIONS'].includes(other);
      const passes = entry === 'plex.preferences' && isRead;
      expect(nameFor(path, { method: other })).toBe(passes ? undefined : entry);
    },
  );

  test('for its product and for an unknown one, and for no other', () => {
    const found = (['jellyfin', 'emby', 'plex', 'phlix', 'other'] as const).flatMap(
      (product) => nameFor(path, { method, switches: { product } }) ?? [],
    );
    const twin = entry.startsWith('jellyfin.') ? [entry.replace('jellyfin', 'emby')] : [];
    expect(found).toEqual([entry, ...twin]);
  });

  test('until its owner lifts it', () => {
    expect(nameFor(path, { method, switches: { lifted: [entry] } })).toBeUndefined();
    const others = deniedEntryNames.filter((name) => name.split('.')[1] !== entry.split('.')[1]);
    expect(nameFor(path, { method, switches: { lifted: others } })).toBe(entry);
    const product = entry.split('.')[0] as 'jellyfin';
    expect(nameFor(path, { method, switches: { product, lifted: [entry] } })).toBeUndefined();
  });
});

test('another product’s entry of the same kind lifts nothing', () => {
  const switches = { product: 'emby', lifted: ['jellyfin.restart'] } as const;
  expect(nameFor('/System/Restart', { switches })).toBe('emby.restart');
});

test('an entry that is lifted opens no way to one that is not', () => {
  const switches = { lifted: ['jellyfin.metrics', 'phlix.setup'] };
  for (const way of ['/metrics/..', '/metrics', '/setup/..;', '/metrics%2f..']) {
    expect(nameFor(`${way}/System/Restart`, { switches })).toBe('jellyfin.restart');
  }
});

test.each(['/adm%C4%B0n', '/ADM%C4%B1N', '/admi%CC%87n', '/%C4%B0mages/../admin'])(
  '%s is read as a Turkish server might',
  (target) => {
    expect(nameFor(target)).toBe('phlix.admin');
  },
);

test('two words of the list are denied below a base path that nobody has heard of', () => {
  expect(nameFor('/tv/movies/System/Restart')).toBe('jellyfin.restart');
  expect(nameFor('/tv/web/ConfigurationPage?name=x')).toBe('jellyfin.configuration-pages');
});

describe('pages of the dashboard', () => {
  test.each([
    [
      'a field of Jellyfin',
      '',
      ['authorization', `MediaBrowser Client="Jellyfin Web", Token="${token}"`],
    ],
    ['the field of old clients', '', ['x-emby-authorization', `Emby Token=${token}`]],
    ['a field of its own', '', ['x-emby-token', token]],
    ['a parameter', `&api_key=${token}`, []],
    ['a parameter in the other spelling', `&ApiKey=${token}`, []],
  ])('are there for a browser that brings its token in %s', (_where, query, fields) => {
    const target = `/web/ConfigurationPage?name=x${query}`;
    expect(nameFor(target, { fields })).toBeUndefined();
    expect(nameFor('/System/Restart', { fields })).toBe('jellyfin.restart');
  });

  test.each([
    ['nothing', '', []],
    [
      'no token in the field',
      '',
      ['authorization', 'MediaBrowser Client="Jellyfin Web", Token=""'],
    ],
    ['a word for a token', '&api_key=x', []],
    ['a token where no server looks', `&name=${token}`, ['x-other', token]],
  ])('are denied with %s', (_what, query, fields) => {
    expect(nameFor(`/web/ConfigurationPage?name=x${query}`, { fields })).toBe(
      'jellyfin.configuration-pages',
    );
  });
});

test('README names every entry, and none that there is not', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').filter((line) => /^\| `[a-z]+\.[a-z-]+`/.test(line));
  const named = rows.flatMap((row) => [
    ...row.matchAll(/`((?:jellyfin|emby|plex|phlix)\.[a-z-]+)`/g),
  ]);
  expect(new Set(named.map(([, name]) => name))).toEqual(new Set(deniedEntryNames));
});

test.each(ordinaryPaths())('%s is none of the list', (target) => {
  expect(nameFor(target, { method: 'GET' })).toBeUndefined();
  expect(nameFor(target, { method: 'POST' })).toBeUndefined();
  expect(nameFor(`/emby${target}`)).toBeUndefined();
});

test('a long path costs little, however it is written', () => {
  const hostile = [
    `/metric${'%25'.repeat(5400)}73`,
    `/${'%25%32%35'.repeat(1800)}setup`,
    `/${'..;/'.repeat(4000)}setu`,
    `/x%${'%32%35'.repeat(2700)}setup`,
    `/admi${'%c0%af'.repeat(2700)}`,
    `/metrics/${'.'.repeat(16_000)}x`,
    `/metrics/${'%20'.repeat(5400)}x`,
  ];
  const slowest = hostile.map((target) => {
    const began = performance.now();
    nameFor(target);
    return performance.now() - began;
  });
  // Printed for the reader; the bound only tells linear from square, on a machine that is busy.
  process.stdout.write(`longest paths: ${slowest.map((ms) => ms.toFixed(1)).join(', ')} ms\n`);
  expect(Math.max(...slowest)).toBeLessThan(100);
});

/** What clients of the four ask for while people sign in, browse and watch. */
function ordinaryPaths(): string[] {
  const id = 'a656b907eb3a73532e40e44b968d0225';
  return [
    '/',
    '/web/',
    '/web/index.html',
    '/web/index.html?x=/System/Restart',
    '/web/main.jellyfin.bundle.js?4f8a',
    '/web/serviceworker.js',
    '/web/config.json',
    '/web/strings/en-us.json',
    '/web/startup/login.html',
    '/web/startup/manuallogin.js',
    '/web/dashboard.chunk.js',
    '/web/controllers/dashboard/dashboard.js',
    '/System/Info',
    '/System/Info/Public',
    '/System/Ping',
    '/System/Endpoint',
    '/System/RestartRequired',
    '/Users/Public',
    '/Users/Me',
    '/Users/AuthenticateByName',
    '/Users/AuthenticateWithQuickConnect',
    '/QuickConnect/Enabled',
    '/QuickConnect/Initiate',
    '/QuickConnect/Connect?secret=1',
    '/Branding/Configuration',
    '/Branding/Css',
    '/DisplayPreferences/usersettings?client=emby',
    `/Users/${id}/Views`,
    `/Users/${id}/Items/Latest`,
    `/Users/${id}/Items/Resume?Limit=12`,
    `/Items/${id}/PlaybackInfo`,
    `/Items/${id}/Images/Primary?fillHeight=400`,
    `/Items/${id}/Similar`,
    `/Items/${id}/Download`,
    '/Artists/Metrics',
    '/Genres/Setup',
    '/Studios/Admin%20Pictures',
    '/Persons/Claude%20Startup',
    '/Artists/AC%2FDC',
    '/Artists/Sigur%20R%C3%B3s/Images/Primary',
    `/Videos/${id}/stream.mkv?Static=true&MediaSourceId=${id}`,
    `/Videos/${id}/master.m3u8?api_key=${token}`,
    `/videos/${id}/hls1/main/0.ts`,
    `/Videos/${id}/${id}/Subtitles/2/0/Stream.vtt`,
    `/Audio/${id}/universal?Container=opus`,
    '/Sessions/Capabilities/Full',
    '/Sessions/Playing',
    '/Sessions/Playing/Progress',
    '/Sessions/Logout',
    '/SyncPlay/List',
    '/socket?api_key=1',
    '/embywebsocket?deviceId=1',
    '/LiveTv/Channels',
    '/Playback/BitrateTest?Size=500000',
    '/Localization/Options',
    '/Library/VirtualFolders',
    '/ScheduledTasks',
    '/identity',
    '/library/sections',
    '/library/metadata/4711',
    '/library/metadata/4711/children',
    '/library/parts/12/1700000000/file.mkv',
    '/library/parts/12/1700000000/The%20Setup.mkv',
    '/hubs/home/recentlyAdded',
    '/hubs/search?query=admin',
    '/photo/:/transcode?url=%2Flibrary%2Fmetadata%2F1%2Fthumb',
    '/video/:/transcode/universal/start.m3u8?path=%2Flibrary%2Fmetadata%2F1',
    '/video/:/transcode/universal/session/1/base/00000.ts',
    '/:/timeline?state=playing',
    '/:/progress?key=1',
    '/:/scrobble?key=1',
    '/:/rate?key=1',
    '/:/websockets/notifications',
    '/:/eventsource/notifications',
    '/:/prefsx',
    '/playQueues?type=video',
    '/status/sessions',
    '/myplex/account',
    '/clients',
    '/api/v1/auth/login',
    '/api/v1/auth/refresh',
    '/api/v1/libraries',
    '/api/v1/media/12/stream',
    '/api/v1/administrator',
    '/administrator',
    '/setupx',
    '/metricsx',
    '/Startups/2020',
    '/environmental.mp4',
    '/films/The%20Admin..mkv',
    '/films/Setup/Season%201/e01.mp4',
    '/hls/Metrics%20of%20Love/seg-00001.ts',
    '/?return=/admin',
    '/x?/../System/Restart',
  ];
}
